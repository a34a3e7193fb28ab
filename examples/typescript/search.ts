// Searches a collection by words and shows why each hit is there. Where the request is refused, it
// shows the reason and every field that was wrong.
import { parseArgs } from "node:util";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { BadRequestSchema, ErrorInfoSchema } from "./gen/google/rpc/error_details_pb.js";
import { SearchService, VectorScore_State } from "./gen/triptych/v1/search_service_pb.js";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    server: { type: "string", default: "127.0.0.1:50051" },
    collection: { type: "string", default: "pictures" },
    limit: { type: "string", default: "5" },
  },
});
const transport = createGrpcTransport({ baseUrl: `http://${values.server}` });
try {
  const answer = await createClient(SearchService, transport).search({
    collectionId: values.collection,
    input: { input: { case: "text", value: positionals[0] ?? "" } },
    limit: Number(values.limit),
  });
  for (const hit of answer.hits) {
    console.log(`${hit.rank}. ${hit.item?.id}  ${hit.score.toFixed(3)}`);
    hit.vectorScores.forEach((score, leg) => {
      if (score.state === VectorScore_State.SCORED) {
        const name = answer.legs[leg].vectorName;
        console.log(`   ${name}: ${score.similarity?.toFixed(3)} +${score.contribution.toFixed(3)}`);
      }
    });
  }
} catch (thrown) {
  const error = ConnectError.from(thrown);
  console.error(`${Code[error.code]}: ${error.rawMessage}`);
  for (const info of error.findDetails(ErrorInfoSchema)) {
    console.error(`reason: ${info.reason}`);
  }
  for (const bad of error.findDetails(BadRequestSchema)) {
    for (const violation of bad.fieldViolations) {
      console.error(`${violation.field}: ${violation.description} (${violation.reason})`);
    }
  }
  process.exitCode = 1;
}
