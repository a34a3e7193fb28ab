"""Items on their way in, and their payloads on the way out."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from triptych._texts import checked_text
from triptych.errors import argument_error
from triptych.v1.common_pb2 import Image
from triptych.v1.item_pb2 import Item, OcrOptions
from triptych.values import from_struct, to_struct
from triptych.vectors import ImageLike, VectorLike, to_image, to_vector

__all__ = ["make_item", "payload"]

OCR_MODES: Mapping[str, OcrOptions.Mode.ValueType] = MappingProxyType(
    {
        "skip": OcrOptions.MODE_SKIP,
        "when-empty": OcrOptions.MODE_WHEN_EMPTY,
        "always": OcrOptions.MODE_ALWAYS,
    }
)


def make_item(
    item_id: str,
    *,
    image: ImageLike | Image | None = None,
    caption: str = "",
    ocr_text: str = "",
    payload: Mapping[str, Any] | None = None,
    vectors: Mapping[str, VectorLike] | None = None,
) -> Item:
    """An item from plain Python values.

    Args:
        item_id: the caller's own id, unique in the collection.
        image: how it looks: the bytes of a file, a `pathlib.Path`, or a file opened for bytes.
        caption: what is said about it.
        ocr_text: what is written in it; left empty, the server reads it from the picture.
        payload: anything else about it; see `triptych.values.to_struct` for what it may hold.
        vectors: vectors of the collection's supplied spaces, by name.

    Raises:
        ArgumentError: a value that the contract can't carry; its path is in `violations`.
        OSError: the picture's file can't be read.

    >>> from pathlib import Path
    >>> item = make_item("cat-1", image=Path("cat.jpg"), caption="a cat", payload={"price": 12})
    """
    message = Item(
        id=checked_text(item_id, "id"),
        caption=checked_text(caption, "caption"),
        ocr_text=checked_text(ocr_text, "ocr_text"),
    )
    if image is not None:
        message.image.CopyFrom(image if isinstance(image, Image) else to_image(image))
    if payload is not None:
        message.payload.CopyFrom(to_struct(payload))
    for name, vector in (vectors or {}).items():
        checked_text(name, "vectors")
        message.vectors[name].CopyFrom(to_vector(vector, field=f"vectors[{name}]"))
    return message


def payload(item: Item) -> dict[str, Any]:
    """An item's payload as a dict; whole numbers are ints again.

    >>> payload(client.get_item("pictures", "cat-1"))
    {'price': 12}
    """
    return from_struct(item.payload)


def ocr_options(
    mode: str | OcrOptions.Mode.ValueType | None, language: str, time_limit_ms: int | None
) -> OcrOptions:
    """How pictures are read; a mode is one of OCR_MODES' names, the enum, or None.

    Raises:
        ArgumentError: a mode of another name (FIELD_INVALID).
    """
    number = OcrOptions.MODE_UNSPECIFIED
    if isinstance(mode, str):
        if mode not in OCR_MODES:
            raise argument_error(
                "ocr.mode", "FIELD_INVALID", "is no mode", got=mode, allowed=", ".join(OCR_MODES)
            )
        number = OCR_MODES[mode]
    elif mode is not None:
        number = mode
    return OcrOptions(
        mode=number, language=checked_text(language, "ocr.language"), time_limit_ms=time_limit_ms
    )
