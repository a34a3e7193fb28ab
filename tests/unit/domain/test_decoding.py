"""By how much a JPEG may be scaled down where only some detail of it is wanted."""

from hypothesis import given
from hypothesis import strategies as st

from triptych_server.domain.decoding import FOR_READING, Detail
from triptych_server.encode.ocr_sheet import LARGE_SIDE

SIDES = st.integers(1, 20_000)


@given(width=SIDES, height=SIDES, shorter=st.integers(1, 900), longer=st.integers(1, 2500))
def test_it_is_the_largest_that_leaves_what_is_wanted(
    width: int, height: int, shorter: int, longer: int
) -> None:
    scale = Detail(shorter, longer).scale(width, height)

    def suffices(divisor: int) -> bool:
        return min(width, height) / divisor >= shorter and max(width, height) / divisor >= longer

    assert scale in (1, 2, 4, 8)
    assert scale == 1 or suffices(scale)
    assert not any(suffices(larger) for larger in (2, 4, 8) if larger > scale)


def test_phone_photographs_for_a_model_of_224_pixels() -> None:
    clip = Detail(shorter=448, longer=512)
    sizes = [(1155, 866), (2000, 1500), (4000, 3000), (3000, 4000), (8000, 6000), (16000, 500)]
    assert [clip.scale(*size) for size in sizes] == [1, 2, 4, 4, 8, 1]


def test_reading_gets_as_many_pixels_as_it_uses() -> None:
    assert FOR_READING.longer == LARGE_SIDE
    assert [FOR_READING.scale(side, side // 2) for side in (1999, 3999, 4000, 8000)] == [1, 1, 2, 4]
