"""A batch in parts on several cores: the same vectors, in their order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from triptych_server.domain.vectors import FloatArray
from triptych_server.encode.catalogue import resolve_model
from triptych_server.encode.model_folder import load_model_folder
from triptych_server.encode.preprocess import Pixels, read_image_recipe
from triptych_server.encode.session import Device, open_session
from triptych_server.encode.side_by_side import LEAST_ON_A_CORE, Encode, SideBySide
from triptych_server.encode.towers import VisionTower


@pytest.fixture(scope="module")
def towers(tmp_path_factory: pytest.TempPathFactory) -> tuple[VisionTower, VisionTower]:
    """The bundled model on two threads and on one."""
    folder = resolve_model("tiny-clip", tmp_path_factory.mktemp("none"))
    stated, recipe = load_model_folder(folder), read_image_recipe(folder)
    wide, narrow = (
        VisionTower(stated, open_session(stated.vision, device=Device.CPU, threads=n), recipe)
        for n in (2, 1)
    )
    return wide, narrow


@pytest.mark.parametrize(
    ("count", "cores", "parts"),
    [(1, 2, []), (7, 2, []), (8, 2, [4, 4]), (9, 2, [4, 5]), (13, 3, [4, 5, 4]), (11, 3, [])],
)
def test_the_vectors_are_those_of_the_whole_batch(
    towers: tuple[VisionTower, VisionTower], count: int, cores: int, parts: list[int]
) -> None:
    wide, narrow = towers
    ran: list[int] = []
    opened: list[int] = []

    def encode(crops: Sequence[Pixels]) -> FloatArray:
        ran.append(len(crops))
        return narrow.encode(crops)

    def open_narrow() -> Encode:
        opened.append(1)
        return encode

    crops = list(np.random.default_rng(1).integers(0, 256, (count, 64, 64, 3), dtype=np.uint8))
    run = SideBySide(wide.encode, open_narrow, cores=cores)
    expected = wide.encode(crops)
    for _ in range(2):
        assert run(crops) == pytest.approx(expected, abs=1e-6)
    assert sorted(ran) == sorted(parts * 2)
    assert len(opened) == bool(parts)
    assert not parts or min(parts) >= LEAST_ON_A_CORE


def test_a_part_that_fails_is_the_batchs_failure(towers: tuple[VisionTower, VisionTower]) -> None:
    def fail(crops: Sequence[Pixels]) -> FloatArray:
        raise MemoryError(len(crops))

    crops = [np.zeros((64, 64, 3), np.uint8)] * 8
    with pytest.raises(MemoryError):
        SideBySide(towers[0].encode, lambda: fail, cores=2)(crops)
