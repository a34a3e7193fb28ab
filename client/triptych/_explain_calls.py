"""The client's call that says why an item is in an answer, or why it is not."""

from triptych import _explain_requests as requests
from triptych._calls import Calls
from triptych._explain_requests import Explainable
from triptych.v1.search_service_pb2 import ExplainResponse


class ExplainCalls(Calls):
    """Explains searches."""

    def explain(
        self, request: Explainable, item_id: str, *, timeout: float | None = None
    ) -> ExplainResponse:
        """Says why one item stands where it stands in a search's answer, or why it is not in it.

        It walks the road of the search itself: which clauses of the filter the item passes, its
        exact similarity and rank on every leg, whatever keeps it out, and which `candidate_count`
        would bring it in. `explanation_text` puts the answer in words.

        Args:
            request: the search, made with `search_request`, `recommend_request`,
                `discover_request` or `context_search_request`.
            item_id: the item that is asked about.
            timeout: seconds for this call; the client's own where None.

        Raises:
            InvalidArgument: ID_*, and those of the search; their paths begin at its request.
            NotFound: ITEM_NOT_FOUND, COLLECTION_NOT_FOUND.
            FailedPrecondition, ResourceExhausted: those of the search.

        >>> from triptych import ExplainResponse, search_request
        >>> search = search_request("pictures", text="a cat", weights={"image": 1, "ocr": 1})
        >>> answer = client.explain(search, "cat-1")
        >>> ExplainResponse.Outcome.Name(answer.outcome)
        'OUTCOME_NO_SUCH_VECTOR'
        """
        asked = requests.explain(request, item_id)
        return self._channel.call(self._searches.Explain, asked, timeout)
