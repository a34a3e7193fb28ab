"""What only a Qdrant server has, on a live one: its settings, its neighbours, its other clients."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
import pytest_asyncio
from qdrant_client import AsyncQdrantClient, models

from tests.support.live import api_key, live_prefix
from tests.support.stores import (
    FIELDS,
    IMAGE,
    collection,
    dense,
    pid,
    point,
    small,
    whole_point,
)
from triptych_server.domain.collections import Distance, Source, SpaceKind, VectorSpace
from triptych_server.domain.errors import AlreadyExists, Exhausted, NotFound, Reason, WrongState
from triptych_server.domain.filters import Filter
from triptych_server.domain.legs import LegQuery
from triptych_server.domain.storage import Quantization, StorageSettings
from triptych_server.store.collection_json import collection_tree
from triptych_server.store.qdrant_store import QdrantStore

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]


@dataclass(frozen=True, slots=True)
class Place:
    """Two services on one prefix of the live server, and the server itself."""

    ours: QdrantStore
    other: QdrantStore
    server: AsyncQdrantClient
    prefix: str

    def name(self, collection_id: str) -> str:
        """A collection's name in Qdrant."""
        return f"{self.prefix}.{collection_id}"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place() -> AsyncIterator[Place]:
    with live_prefix() as (_, address):
        where: dict[str, Any] = {"host": address.host, "port": address.port, "tls": address.tls}
        key = api_key()
        ours, other = [
            await QdrantStore.open(**where, api_key=key, prefix=address.prefix) for _ in range(2)
        ]
        server = AsyncQdrantClient(
            host=address.host,
            grpc_port=address.port,
            https=address.tls,
            prefer_grpc=True,
            headers={"api-key": key} if key else None,
            check_compatibility=False,
        )
        yield Place(ours, other, server, address.prefix)
        for opened in (ours, other, server):
            await opened.close()


async def test_everything_about_a_collection_is_in_qdrant(place: Place) -> None:
    made = replace(collection("kept"), storage=StorageSettings(hnsw_m=8, on_disk=True))
    await place.ours.create_collection(made)
    assert await place.other.get_collection("kept") == made
    assert made in await place.other.list_collections()
    found = await place.server.get_collection(place.name("kept"))
    assert found.payload_schema.keys() == {field.name for field in FIELDS}
    assert found.config.params.sparse_vectors is not None
    assert found.config.params.sparse_vectors.keys() == {"terms"}


async def test_settings_reach_the_server(place: Place) -> None:
    storage = StorageSettings(
        shard_number=3,
        replication_factor=1,
        write_consistency_factor=1,
        hnsw_m=24,
        hnsw_ef_construct=64,
        on_disk=True,
        on_disk_payload=False,
        quantization=Quantization.SCALAR_INT8,
    )
    made = replace(collection("set"), storage=storage)
    await place.ours.create_collection(made)
    assert (await place.other.get_collection("set")).storage == storage
    config = (await place.server.get_collection(place.name("set"))).config
    assert config.params.shard_number == 3
    assert config.params.replication_factor == 1
    assert config.params.write_consistency_factor == 1
    assert config.params.on_disk_payload is False
    assert (config.hnsw_config.m, config.hnsw_config.ef_construct) == (24, 64)
    assert isinstance(config.quantization_config, models.ScalarQuantization)
    vectors = config.params.vectors
    assert isinstance(vectors, dict)
    assert all(vector.on_disk for vector in vectors.values())
    assert vectors["ocr"].multivector_config is not None


async def test_more_replicas_than_peers_are_refused(place: Place) -> None:
    made = replace(small("copies"), storage=StorageSettings(replication_factor=64))
    with pytest.raises(WrongState) as caught:
        await place.ours.create_collection(made)
    assert caught.value.reason is Reason.STORAGE_UNSUPPORTED
    assert "storage.replication_factor" in caught.value.message
    assert not await place.server.collection_exists(place.name("copies"))


async def test_several_shards_answer_as_one(place: Place) -> None:
    made = replace(small("shards"), storage=StorageSettings(shard_number=3))
    await place.ours.create_collection(made)
    points = [whole_point(n) for n in range(90)]
    await place.ours.upsert("shards", points)
    page = await place.ours.scroll("shards", Filter(), limit=40, start_id=pid(7))
    assert [found.id for found in page.points] == [pid(n) for n in range(7, 47)]
    assert page.next_id == pid(47)
    (hits,) = await place.ours.query("shards", [LegQuery("image", dense(1, 2), 90)])
    vectors = np.array([p.vectors["image"] for p in points])
    cosines = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)) @ dense(1, 2) / 5**0.5
    assert [hit.id for hit in hits] == [pid(int(n)) for n in np.argsort(-cosines, kind="stable")]
    assert await place.ours.delete("shards", [pid(n) for n in range(0, 180, 2)]) == 45
    assert await place.ours.count("shards", Filter()) == 45


async def test_what_somebody_else_made_is_left_alone(place: Place) -> None:
    vectors = models.VectorParams(size=4, distance=models.Distance.DOT)
    await place.server.create_collection(place.name("foreign"), vectors_config=vectors)
    await place.ours.create_collection(small("mine"))
    await place.server.update_collection_aliases(
        [
            models.CreateAliasOperation(
                create_alias=models.CreateAlias(
                    collection_name=place.name("mine"), alias_name=place.name("alias")
                )
            )
        ]
    )
    listed = {found.id for found in await place.ours.list_collections()}
    assert "mine" in listed
    assert not listed & {"foreign", "alias"}
    for name in ("foreign", "alias"):
        for call in (
            place.ours.get_collection(name),
            place.ours.drop_collection(name),
            place.ours.delete_matching(name, Filter()),
            place.ours.upsert(name, [whole_point(1)]),
        ):
            with pytest.raises(NotFound, match="did not make"):
                await call
        with pytest.raises(AlreadyExists, match="did not make"):
            await place.ours.create_collection(small(name))
    assert await place.server.collection_exists(place.name("foreign"))


async def test_a_collection_whose_maker_died_is_made_whole(place: Place) -> None:
    made = collection("half", [IMAGE])
    await place.server.create_collection(
        place.name("half"),
        vectors_config={"image": models.VectorParams(size=8, distance=models.Distance.COSINE)},
        metadata={"triptych": collection_tree(made)},
    )
    assert await place.ours.get_collection("half") == made
    found = await place.server.get_collection(place.name("half"))
    assert found.payload_schema.keys() == {field.name for field in FIELDS}


async def test_only_one_of_two_services_makes_a_collection(place: Place) -> None:
    for turn in range(5):
        made = [small(f"race-{turn}"), replace(small(f"race-{turn}"), language="de")]
        outcomes = await asyncio.gather(
            place.ours.create_collection(made[0]),
            place.other.create_collection(made[1]),
            return_exceptions=True,
        )
        refused = [outcome for outcome in outcomes if outcome is not None]
        assert len(refused) == 1
        assert isinstance(refused[0], AlreadyExists)
        winner = made[outcomes.index(None)]
        assert await place.ours.get_collection(winner.id) == winner
        assert await place.other.get_collection(winner.id) == winner


async def test_nothing_is_written_to_a_collection_that_another_service_made_anew(
    place: Place,
) -> None:
    made = small("anew")
    await place.ours.create_collection(made)
    await place.ours.upsert("anew", [whole_point(1)], created=made.create_time)
    await place.other.drop_collection("anew")
    with pytest.raises(NotFound):
        await place.ours.count("anew", Filter())
    again = replace(made, create_time=made.create_time + timedelta(seconds=1))
    await place.other.create_collection(again)
    with pytest.raises(NotFound):
        await place.ours.upsert("anew", [whole_point(2)], created=made.create_time)
    assert await place.other.count("anew", Filter()) == 0
    await place.ours.upsert("anew", [whole_point(2)], created=again.create_time)
    assert await place.other.count("anew", Filter()) == 1


async def test_limits_that_the_operator_has_set_are_said_to_be_such(place: Place) -> None:
    await place.ours.create_collection(small("strict"))
    name = place.name("strict")
    await place.server.update_collection(
        name, strict_mode_config=models.StrictModeConfig(enabled=True, max_query_limit=10)
    )
    with pytest.raises(WrongState) as refused:
        await place.ours.query("strict", [LegQuery("image", dense(1), 11)])
    assert refused.value.reason is Reason.STORE_STRICT_MODE
    await place.server.update_collection(
        name, strict_mode_config=models.StrictModeConfig(write_rate_limit=2)
    )
    await place.ours.upsert("strict", [whole_point(1)])
    with pytest.raises(Exhausted) as limited:
        await place.ours.upsert("strict", [whole_point(2), whole_point(3)])
    assert limited.value.reason is Reason.STORE_BUSY
    assert limited.value.retry_after_s is not None
    assert 0 < limited.value.retry_after_s <= 60
    with pytest.raises(Exhausted) as too_large:
        await place.ours.upsert("strict", [whole_point(number) for number in range(9)])
    assert too_large.value.retry_after_s is None


WIDE = 96
SUPPLIED = (Source.SUPPLIED,)
FLAT = VectorSpace("flat", SpaceKind.DENSE, SUPPLIED, Distance.COSINE, WIDE)
MANY = VectorSpace("many", SpaceKind.MULTI, SUPPLIED, Distance.COSINE, WIDE)


@pytest.mark.parametrize("quantization", list(Quantization))
async def test_similarities_are_true_over_a_quantized_index(
    place: Place, quantization: Quantization
) -> None:
    """The graph and the small vectors are really there, and no score comes from them."""
    name = f"quantized-{quantization.value}".replace("_", "-")
    made = replace(
        collection(name, [FLAT, MANY], []), storage=StorageSettings(quantization=quantization)
    )
    await place.ours.create_collection(made)
    rng = np.random.default_rng(3)
    flat = rng.standard_normal((1200, WIDE)).astype(np.float32)
    many = rng.standard_normal((1200, 2, WIDE)).astype(np.float32)
    for start in range(0, len(flat), 100):
        numbers = range(start, start + 100)
        await place.ours.upsert(
            name, [point(n, {"flat": flat[n], "many": many[n]}) for n in numbers]
        )
    await place.server.update_collection(
        place.name(name),
        optimizers_config=models.OptimizersConfigDiff(indexing_threshold=100),
        hnsw_config=models.HnswConfigDiff(full_scan_threshold=10),
    )
    await _indexed(place, name, 1200)

    query = rng.standard_normal(WIDE).astype(np.float32)
    chosen = tuple(pid(n) for n in range(0, 1200, 7))
    flat_hits, many_hits, flat_chosen, many_chosen = await place.ours.query(
        name,
        [
            LegQuery("flat", query, 50),
            LegQuery("many", query, 50),
            LegQuery("flat", query, len(chosen), within=chosen),
            LegQuery("many", query, len(chosen), within=chosen),
        ],
    )
    unit = query / np.linalg.norm(query)
    true = {
        "flat": (flat / np.linalg.norm(flat, axis=-1, keepdims=True)) @ unit,
        "many": ((many / np.linalg.norm(many, axis=-1, keepdims=True)) @ unit).max(axis=1),
    }
    for space, hits in (
        ("flat", flat_hits),
        ("many", many_hits),
        ("flat", flat_chosen),
        ("many", many_chosen),
    ):
        for hit in hits:
            assert hit.similarity == pytest.approx(true[space][int(hit.id[-8:], 16)], abs=1e-5)
    assert {hit.id for hit in flat_chosen} == {hit.id for hit in many_chosen} == set(chosen)
    # It is an index, and not a scan: the best of a leg are found, if not every one of fifty.
    best = {pid(int(n)) for n in np.argsort(-true["flat"])[:10]}
    assert len(best & {hit.id for hit in flat_hits}) >= 7


async def _indexed(place: Place, name: str, count: int) -> None:
    async with asyncio.timeout(50):
        while True:
            info = await place.server.get_collection(place.name(name))
            if info.status is models.CollectionStatus.GREEN and (
                (info.indexed_vectors_count or 0) >= count
            ):
                return
            await asyncio.sleep(0.1)
