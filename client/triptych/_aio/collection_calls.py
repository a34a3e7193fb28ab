# Made from triptych/_collection_calls.py by `python -m tools.client.aio`: change that.
"""The client's calls of CollectionService."""

from collections.abc import AsyncIterator, Mapping, Sequence

from triptych import _requests as requests
from triptych._aio.calls import AsyncCalls
from triptych._texts import checked_text
from triptych.v1.collection_pb2 import (
    Collection,
    Optimization,
    PayloadField,
    StorageSettings,
    VectorSpace,
)
from triptych.v1.collection_service_pb2 import (
    DeleteCollectionRequest,
    GetCollectionRequest,
    ListCollectionsRequest,
    OptimizeCollectionRequest,
)


class AsyncCollectionCalls(AsyncCalls):
    """Makes, shows, optimizes and removes collections."""

    async def create_collection(
        self,
        collection_id: str,
        *,
        vector_spaces: Sequence[VectorSpace] = (),
        payload_fields: Mapping[str, str | PayloadField.Type.ValueType] | None = None,
        default_encoder_id: str = "",
        language: str = "",
        storage: StorageSettings | None = None,
        unindexed_filter_policy: str | Collection.UnindexedFilterPolicy.ValueType = "",
        image_retention: str | Collection.ImageRetention.ValueType | None = None,
        timeout: float | None = None,
    ) -> Collection:
        """Makes an empty collection and returns it with every default filled in.

        Args:
            collection_id: 1 to 63 of a-z, 0-9, `_` and `-`, beginning with a letter or digit.
            vector_spaces: its named vectors; without any: image, caption, ocr and terms.
            payload_fields: the fields with an index: path to `keyword`, `integer`, `float`,
                `bool`, `text`, `datetime`, `geo`, `uuid`, or the contract's enum.
            default_encoder_id: the encoder of spaces that name none; else the server's first.
            language: ISO 639-1 code of its texts; `en` where empty.
            storage: shards, replicas, graph, quantization, where the store is a Qdrant server.
            unindexed_filter_policy: what is done with filters that no index serves: `allow`, `warn`
                (the server's default), `refuse`, or the contract's enum.
            image_retention: what is kept of its items' pictures: `original`, `thumbnail` (the
                default), `none`, or the contract's enum.
            timeout: seconds for this call; the client's own where None.

        Raises:
            AlreadyExists: COLLECTION_EXISTS.
            InvalidArgument: COLLECTION_ID_INVALID, VECTOR_SPACE_INVALID, LANGUAGE_UNSUPPORTED.
            FailedPrecondition: ENCODER_UNKNOWN; STORAGE_UNSUPPORTED on the embedded engine.
        """
        request = requests.create_collection(
            collection_id,
            vector_spaces,
            payload_fields or {},
            default_encoder_id,
            language,
            storage,
            unindexed_filter_policy,
            image_retention,
        )
        call = self._collections.CreateCollection
        return (await self._channel.call(call, request, timeout)).collection

    async def get_collection(
        self, collection_id: str, *, timeout: float | None = None
    ) -> Collection:
        """One collection, with the count of its items.

        Raises:
            NotFound: COLLECTION_NOT_FOUND.
        """
        request = GetCollectionRequest(collection_id=checked_text(collection_id, "collection_id"))
        return (
            await self._channel.call(self._collections.GetCollection, request, timeout)
        ).collection

    def list_collections(
        self, *, page_size: int = 0, timeout: float | None = None
    ) -> AsyncIterator[Collection]:
        """All collections in the order of their ids; each page is fetched when it is reached."""
        request = ListCollectionsRequest(page_size=page_size)
        return self._channel.pages(
            self._collections.ListCollections, request, timeout, lambda page: page.collections
        )

    async def delete_collection(self, collection_id: str, *, timeout: float | None = None) -> None:
        """Removes a collection and everything in it. It can't be undone.

        Raises:
            NotFound: COLLECTION_NOT_FOUND.
        """
        request = DeleteCollectionRequest(
            collection_id=checked_text(collection_id, "collection_id")
        )
        await self._channel.call(self._collections.DeleteCollection, request, timeout)

    async def optimize_collection(
        self, collection_id: str, *, timeout: float | None = None
    ) -> Optimization:
        """Starts to build the search index of a collection on the embedded engine.

        It returns at once; `get_collection(...).optimization` shows how far it is. Searches and
        writes go on meanwhile. Where one runs already, that is returned.

        Raises:
            NotFound: COLLECTION_NOT_FOUND.
            FailedPrecondition: OPTIMIZE_UNSUPPORTED, where a Qdrant server keeps the collection.
            ResourceExhausted: OPTIMIZE_NEEDS_DISK.
        """
        request = OptimizeCollectionRequest(
            collection_id=checked_text(collection_id, "collection_id")
        )
        call = self._collections.OptimizeCollection
        return (await self._channel.call(call, request, timeout)).optimization
