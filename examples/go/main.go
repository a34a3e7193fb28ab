// Searches a collection by words and shows why each hit is there. Where the request is refused, it
// shows the reason and every field that was wrong.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	triptych "triptych-search/gen/triptych/v1"
)

func main() {
	server := flag.String("server", "127.0.0.1:50051", "host:port of the service")
	collection := flag.String("collection", "pictures", "which collection to search")
	limit := flag.Int("limit", 5, "how many hits")
	flag.Parse()
	if err := search(*server, *collection, flag.Arg(0), int32(*limit)); err != nil {
		explain(err)
		os.Exit(1)
	}
}

func search(server, collection, text string, limit int32) error {
	connection, err := grpc.NewClient(server, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer connection.Close()
	answer, err := triptych.NewSearchServiceClient(connection).Search(context.Background(), &triptych.SearchRequest{
		CollectionId: collection,
		Input:        &triptych.QueryInput{Input: &triptych.QueryInput_Text{Text: text}},
		Limit:        limit,
	})
	if err != nil {
		return err
	}
	for _, hit := range answer.Hits {
		fmt.Printf("%d. %s  %.3f\n", hit.Rank, hit.Item.Id, hit.Score)
		for i, score := range hit.VectorScores {
			if score.State == triptych.VectorScore_STATE_SCORED {
				fmt.Printf("   %s: %.3f +%.3f\n", answer.Legs[i].VectorName, score.GetSimilarity(), score.Contribution)
			}
		}
	}
	return nil
}

func explain(err error) {
	failed := status.Convert(err)
	fmt.Fprintf(os.Stderr, "%s: %s\n", failed.Code(), failed.Message())
	for _, detail := range failed.Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			fmt.Fprintf(os.Stderr, "reason: %s\n", detail.Reason)
		case *errdetails.BadRequest:
			for _, violation := range detail.FieldViolations {
				fmt.Fprintf(os.Stderr, "%s: %s (%s)\n", violation.Field, violation.Description, violation.Reason)
			}
		}
	}
}
