"""Pictures that the server keeps, on their way back."""

import hashlib
import os
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from triptych._texts import checked_text
from triptych.errors import DataLoss, argument_error
from triptych.v1.item_pb2 import KeptImage
from triptych.v1.item_service_pb2 import GetItemImageRequest, GetItemImageResponse

__all__ = ["ItemImage"]

IMAGE_VARIANTS: Mapping[str, KeptImage.Variant.ValueType] = MappingProxyType(
    {"original": KeptImage.VARIANT_ORIGINAL, "thumbnail": KeptImage.VARIANT_THUMBNAIL}
)


@dataclass(frozen=True, slots=True)
class ItemImage:
    """A kept picture: the bytes of its file, and what the contract says of it."""

    info: KeptImage
    data: bytes


def image_request(
    collection_id: str, item_id: str, variant: str | KeptImage.Variant.ValueType | None
) -> GetItemImageRequest:
    """The request of GetItemImage; the variant by name, by the enum, or None.

    Raises:
        ArgumentError: a variant that there is not (FIELD_INVALID).
    """
    if variant is None:
        variant = KeptImage.VARIANT_UNSPECIFIED
    elif isinstance(variant, str):
        if variant not in IMAGE_VARIANTS:
            allowed = ", ".join(IMAGE_VARIANTS)
            raise argument_error(
                "variant", "FIELD_INVALID", "is none", got=variant, allowed=allowed
            )
        variant = IMAGE_VARIANTS[variant]
    return GetItemImageRequest(
        collection_id=checked_text(collection_id, "collection_id"),
        id=checked_text(item_id, "item_id"),
        variant=variant,
    )


def read_image(parts: Iterator[GetItemImageResponse]) -> tuple[KeptImage, Iterator[bytes]]:
    """What is announced, and the chunks that follow; they raise DataLoss where it did not come."""
    first = next(parts, None)
    if first is None or not first.HasField("image"):
        raise _damaged()
    return first.image, _checked(first.image, parts)


def write_file(path: Path, chunks: Iterable[bytes]) -> None:
    """Writes a file that is there whole or not at all. Raises OSError."""
    staging = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    try:
        with staging.open("xb") as file:
            file.writelines(chunks)
        os.replace(staging, path)
    finally:
        staging.unlink(missing_ok=True)


def _checked(image: KeptImage, parts: Iterator[GetItemImageResponse]) -> Iterator[bytes]:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.chunk)
        yield part.chunk
    if digest.hexdigest() != image.sha256:
        raise _damaged()


def _damaged() -> DataLoss:
    return DataLoss("the picture that came is not the one that was announced", reason="IMAGE_LOST")
