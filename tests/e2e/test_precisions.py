"""Models of two precisions serve side by side, and their vectors are never mixed."""

from pathlib import Path

import pytest

from tests.support.random_model import make_random_model
from tests.support.server import RunningServer
from triptych import FailedPrecondition, make_item
from triptych_server.encode.convert_model import Precision, convert_model


def test_vectors_of_two_precisions_never_meet_in_a_collection(tmp_path: Path) -> None:
    fp32 = make_random_model(tmp_path / "fp32")
    int8 = convert_model(fp32, tmp_path / "int8", Precision.INT8)
    both = f"mine={fp32},small={int8}"
    with RunningServer(tmp_path / "data", encoders=both) as server:
        with server.client() as client:
            assert {e.id: e.precision for e in client.status().encoders} == {
                "mine": "fp32",
                "small": "int8",
            }
            client.create_collection("exact")
            client.create_collection("fast", default_encoder_id="small")
            for collection in ("exact", "fast"):
                client.upsert(collection, [make_item("a", caption="two black cats")])
                found = client.search(collection, text="two black cats")
                assert [hit.item.id for hit in found.hits] == ["a"]
        assert server.stop() == 0
    # The same encoder's name, now in the other precision.
    with RunningServer(tmp_path / "data", encoders=f"mine={int8},small={fp32}") as server:
        with server.client() as client:
            for collection in ("exact", "fast"):
                with pytest.raises(FailedPrecondition) as caught:
                    client.search(collection, text="words", weights={"caption": 1})
                assert caught.value.reason == "MODEL_MISMATCH"
                with pytest.raises(FailedPrecondition) as caught:
                    client.upsert(collection, [make_item("b", caption="words")])
                assert caught.value.reason == "MODEL_MISMATCH"
        assert server.stop() == 0
