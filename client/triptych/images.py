"""Pictures that the server keeps, on their way back."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO

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


class ImageReader:
    """Reads the answers of GetItemImage: what is announced, then the chunks of the file."""

    def __init__(self) -> None:
        import hashlib

        self._announced: KeptImage | None = None
        self._digest = hashlib.sha256()

    def chunk(self, part: GetItemImageResponse) -> bytes:
        """The bytes in the next answer, none in the first. Raises DataLoss."""
        if self._announced is None:
            if not part.HasField("image"):
                raise _damaged()
            self._announced = part.image
            return b""
        self._digest.update(part.chunk)
        return part.chunk

    def info(self) -> KeptImage:
        """What the picture is, once all of it has come. Raises DataLoss where it has not."""
        if self._announced is None or self._digest.hexdigest() != self._announced.sha256:
            raise _damaged()
        return self._announced


@contextmanager
def staged_file(path: Path) -> Iterator[BinaryIO]:
    """A new file, which is at `path` once the block has ended without an error, and never else.

    Raises OSError.
    """
    staging = path.with_name(f".{path.name}.{os.urandom(4).hex()}")
    try:
        with staging.open("xb") as file:
            yield file
        os.replace(staging, path)
    finally:
        staging.unlink(missing_ok=True)


def _damaged() -> DataLoss:
    return DataLoss("the picture that came is not the one that was announced", reason="IMAGE_LOST")
