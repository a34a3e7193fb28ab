"""``StorageSettings``: out of a message, into one, and through a collection's description."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.stores import collection
from triptych.v1.collection_pb2 import HnswConfig
from triptych.v1.collection_pb2 import StorageSettings as Message
from triptych_server.domain.storage import STORE_DEFAULTS, Quantization, StorageSettings
from triptych_server.store.collection_json import collection_tree, load_tree
from triptych_server.wire.storage import parse_storage, render_storage
from triptych_server.wire.violations import Violations

SETTINGS = st.builds(
    StorageSettings,
    shard_number=st.none() | st.integers(1, 1024),
    replication_factor=st.integers(8, 64),
    write_consistency_factor=st.none() | st.integers(1, 8),
    hnsw_m=st.none() | st.integers(0, 512),
    hnsw_ef_construct=st.none() | st.integers(4, 4096),
    on_disk=st.none() | st.booleans(),
    on_disk_payload=st.none() | st.booleans(),
    quantization=st.none() | st.sampled_from(Quantization),
)


def _parse(message: Message) -> tuple[StorageSettings, list[str]]:
    violations = Violations()
    settings = parse_storage(message, violations)
    error = violations.error()
    return settings, [found.field for found in error.violations] if error else []


@given(SETTINGS)
def test_settings_come_back_as_they_went(settings: StorageSettings) -> None:
    message = render_storage(settings)
    assert message is not None
    assert _parse(Message.FromString(message.SerializeToString())) == (settings, [])
    made = replace(collection(), storage=settings)
    assert load_tree(json.loads(json.dumps(collection_tree(made)))) == made


def test_nothing_asked_for_is_nothing_shown() -> None:
    assert render_storage(STORE_DEFAULTS) is None
    assert _parse(Message()) == (STORE_DEFAULTS, [])
    assert STORE_DEFAULTS.asked == ()


def test_a_description_from_before_there_were_settings() -> None:
    tree = collection_tree(collection())
    del tree["storage"]
    assert load_tree(tree) == collection()


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (Message(shard_number=0), "storage.shard_number"),
        (Message(shard_number=1025), "storage.shard_number"),
        (Message(replication_factor=-1), "storage.replication_factor"),
        (Message(write_consistency_factor=2), "storage.write_consistency_factor"),
        (
            Message(replication_factor=2, write_consistency_factor=3),
            "storage.write_consistency_factor",
        ),
        (Message(hnsw_config=HnswConfig(m=-1)), "storage.hnsw_config.m"),
        (Message(hnsw_config=HnswConfig(ef_construct=3)), "storage.hnsw_config.ef_construct"),
        (Message(quantization=99), "storage.quantization"),  # type: ignore[arg-type]
    ],
)
def test_what_is_out_of_range_is_named(message: Message, field: str) -> None:
    assert _parse(message)[1] == [field]
