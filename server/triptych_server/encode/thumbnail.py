"""Small copies of pictures, for people to look at."""

from __future__ import annotations

import hashlib
import io

import numpy as np
from numpy.typing import NDArray

from triptych_server.domain.items import ImageVariant, KeptImage
from triptych_server.domain.pictures import KeptFile

LONGEST_SIDE = 512
# Mostly 5 to 60 KB. Effort 2 of 6: the files of effort 4 are 3 % smaller and take twice the time.
_QUALITY = 80
_EFFORT = 2


def make_thumbnail(pixels: NDArray[np.uint8]) -> KeptFile:
    """A WebP file of ``pixels``, uint8 of shape (height, width, 3), sRGB.

    Its longer side has at most 512 pixels; a smaller picture keeps its size. It carries no
    metadata. One version of libwebp gives equal files for equal pixels.
    """
    from PIL import Image

    image = Image.fromarray(pixels)
    image.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    image.save(out, "WEBP", quality=_QUALITY, method=_EFFORT)
    data = out.getvalue()
    kept = KeptImage(
        variant=ImageVariant.THUMBNAIL,
        media_type="image/webp",
        width=image.width,
        height=image.height,
        byte_size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
    )
    return KeptFile(kept, data)
