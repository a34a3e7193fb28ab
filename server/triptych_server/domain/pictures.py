"""Which files are kept of pictures, and what they are called in the picture store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType

from triptych_server.domain.collections import Collection, ImageRetention
from triptych_server.domain.errors import DataLoss, Reason
from triptych_server.domain.items import ImageInfo, ImageVariant, KeptImage

# By the formats that the intake takes.
MEDIA_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "JPEG": "image/jpeg",
        "PNG": "image/png",
        "WEBP": "image/webp",
        "GIF": "image/gif",
        "BMP": "image/bmp",
        "TIFF": "image/tiff",
        "AVIF": "image/avif",
        "JPEG2000": "image/jp2",
    }
)


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file to be kept, and what is to be known of it."""

    image: KeptImage
    data: bytes


@dataclass(frozen=True, slots=True)
class PictureKey:
    """The name of a file in the picture store: whose it is, and the SHA-256 of what is in it.

    That an item has files of its own makes it safe to remove them with it, whatever other items
    hold: a store may let equal files share their room.
    """

    album: str
    point_id: str
    sha256: str


@dataclass(frozen=True, slots=True)
class PictureFile:
    """A file that a store holds, and when it was last put there."""

    key: PictureKey
    put_time: datetime


def album_of(collection: Collection) -> str:
    """Where the pictures of ``collection`` are.

    The name holds the time of its making, so that a collection dropped and made anew shares
    nothing with the one before.
    """
    made = collection.create_time.astimezone(UTC)
    return f"{collection.id}.{made:%Y%m%dT%H%M%S%f}Z"


def collection_id_of(album: str) -> str:
    """The name of the collection that the album is, or was, of."""
    return album.partition(".")[0]


def variants_of(retention: ImageRetention) -> tuple[ImageVariant, ...]:
    """The files that are kept of each picture."""
    if retention is ImageRetention.NONE:
        return ()
    if retention is ImageRetention.THUMBNAIL:
        return (ImageVariant.THUMBNAIL,)
    return (ImageVariant.ORIGINAL, ImageVariant.THUMBNAIL)


def original(data: bytes, info: ImageInfo) -> KeptFile:
    """The file of a picture as it came."""
    image = KeptImage(
        variant=ImageVariant.ORIGINAL,
        media_type=MEDIA_TYPES[info.format],
        width=info.width,
        height=info.height,
        byte_size=info.byte_size,
        sha256=info.sha256,
    )
    return KeptFile(image, data)


def picture_keys(
    collection: Collection, point_id: str, info: ImageInfo | None
) -> tuple[PictureKey, ...]:
    """The names of the files that are kept of an item's picture."""
    album = album_of(collection)
    kept = info.kept if info is not None else ()
    return tuple(PictureKey(album, point_id, image.sha256) for image in kept)


def image_lost() -> DataLoss:
    """The one error for a kept file that is missing or damaged."""
    return DataLoss(
        Reason.IMAGE_LOST,
        "the kept file of this picture is missing or damaged; send the item again to keep it anew",
    )
