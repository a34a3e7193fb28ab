"""Pixels become the vision model's input, exactly as CLIP's reference does it.

The reference is Hugging Face's CLIPImageProcessor on Pillow: the shortest edge is resized to
``size.shortest_edge`` with Pillow's antialiased bicubic filter, the long edge is
``int(shortest_edge * long / short)`` (rounded down), the crop's offsets are
``(length - crop) // 2`` (rounded down; torchvision's CenterCrop rounds half to even instead),
and only then come rescaling and normalising.

That is the way named ``exact``. It resizes the whole picture, not just the part that the crop
keeps: Pillow takes ``box`` in single precision, and the result is then off by one in up to 0.05 %
of the values of an ordinary photograph.

The way named ``scaled`` takes JPEGs at a half, a quarter or an eighth of their sides, of which
twice the model's remain, and resizes the part alone, in two steps where it is large. It moves an
embedding by at most a thousandth of the distance between two pictures (docs/decisions/0020).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeGuard

import numpy as np
from numpy.typing import NDArray

from triptych_server.domain.decoding import Decoding, Detail
from triptych_server.domain.items import Picture
from triptych_server.domain.vectors import FloatArray
from triptych_server.encode.errors import ModelFolderError
from triptych_server.encode.model_folder import PREPROCESSOR, is_count, read_json

Pixels = NDArray[np.uint8]

# CLIPImageProcessor's own defaults, for configurations that leave them out.
_BICUBIC = 3
_RESCALE = 1 / 255
# Of ``scaled``: what is left of a JPEG against the model's own size, and of the longer side in
# pixels, so that the thumbnail is made of the same; and of a larger picture after the first step.
_SIDES = 2
_LONGER_SIDE = 512
_REDUCING_GAP = 3.0
_SWITCHES = ("do_resize", "do_center_crop", "do_rescale", "do_normalize")


@dataclass(frozen=True, slots=True)
class ImageRecipe:
    """How pixels are prepared. Lengths are in pixels; ``crop`` is (height, width).

    ``mean`` and ``std`` are per channel (R, G, B), in units of the rescaled values.
    """

    shortest_edge: int
    crop: tuple[int, int]
    rescale: float
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def resized(self, width: int, height: int) -> tuple[int, int]:
        """The (width, height) that a picture of that size is resized to before the crop."""
        if width <= height:
            return self.shortest_edge, int(self.shortest_edge * height / width)
        return int(self.shortest_edge * width / height), self.shortest_edge

    @property
    def detail(self) -> Detail:
        """What ``scaled`` needs of a picture."""
        return Detail(shorter=_SIDES * self.shortest_edge, longer=_LONGER_SIDE)

    def crop_of(self, picture: Picture) -> Pixels:
        """What the model sees of a picture, uint8 (*crop, 3), by the way that it was decoded."""
        return self.shrink(picture.pixels) if picture.detail is None else self._shrink_part(picture)

    def _shrink_part(self, picture: Picture) -> Pixels:
        from PIL import Image

        width, height = picture.info.width, picture.info.height
        new_width, new_height = self.resized(width, height)
        crop_height, crop_width = self.crop
        left, top = (new_width - crop_width) // 2, (new_height - crop_height) // 2
        # Pixels of the scaled picture to one of the resized. Its last column and row may reach over
        # the picture's edge.
        across = width / picture.scale / new_width
        down = height / picture.scale / new_height
        box = (
            left * across,
            top * down,
            min((left + crop_width) * across, width / picture.scale),
            min((top + crop_height) * down, height / picture.scale),
        )
        part = Image.fromarray(picture.pixels).resize(
            (crop_width, crop_height), Image.Resampling.BICUBIC, box, _REDUCING_GAP
        )
        return np.asarray(part)

    def shrink(self, pixels: Pixels) -> Pixels:
        """Resize and crop upright RGB pixels: uint8 (h, w, 3) to uint8 (*crop, 3)."""
        from PIL import Image

        height, width = pixels.shape[:2]
        new_width, new_height = self.resized(width, height)
        crop_height, crop_width = self.crop
        left, top = (new_width - crop_width) // 2, (new_height - crop_height) // 2
        image = Image.fromarray(pixels).resize((new_width, new_height), Image.Resampling.BICUBIC)
        return np.asarray(image.crop((left, top, left + crop_width, top + crop_height)))

    def normalise(self, crops: Sequence[Pixels]) -> FloatArray:
        """Rescale and normalise: n × uint8 (h, w, 3) to float32 (n, 3, h, w)."""
        batch = np.empty((len(crops), 3, *self.crop), dtype=np.float32)
        for row, crop in zip(batch, crops, strict=True):
            row[...] = crop.transpose(2, 0, 1)
        # (x · rescale − mean) / std as one multiplication and one subtraction, in place.
        std = np.asarray(self.std).reshape(3, 1, 1)
        batch *= (self.rescale / std).astype(np.float32)
        batch -= (np.asarray(self.mean).reshape(3, 1, 1) / std).astype(np.float32)
        return batch

    def fingerprint(self, decoding: Decoding) -> str:
        """12 hex digits that change with everything here that moves a vector."""
        how: object = decoding.value
        if decoding is Decoding.SCALED:
            how = [decoding.value, self.detail.shorter, self.detail.longer, _REDUCING_GAP]
        canonical = json.dumps(
            {
                "crop": self.crop,
                "decoding": how,
                "mean": self.mean,
                "rescale": self.rescale,
                "resample": "bicubic",
                "shortest_edge": self.shortest_edge,
                "std": self.std,
            },
            sort_keys=True,
            separators=(",", ":"),
        )
        return hashlib.sha256(canonical.encode()).hexdigest()[:12]


def read_image_recipe(folder: Path) -> ImageRecipe:
    """The recipe in the folder's ``preprocessor_config.json``.

    Raises ModelFolderError for every mode that is not the one described above.
    """
    config = read_json(folder, PREPROCESSOR)

    def refuse(what: str) -> ModelFolderError:
        return ModelFolderError(folder, f"{PREPROCESSOR}: {what}")

    for switch in _SWITCHES:
        if config.get(switch, True) is not True:
            raise refuse(f"{switch} must be true, is {config[switch]!r}")
    if config.get("resample", _BICUBIC) != _BICUBIC:
        raise refuse(f"resample must be 3 (bicubic), is {config['resample']!r}")
    shortest_edge = _shortest_edge(config.get("size"))
    if shortest_edge is None:
        raise refuse(f"size must state a shortest_edge alone, is {config.get('size')!r}")
    crop = _crop(config.get("crop_size"))
    if crop is None:
        raise refuse(f"crop_size must state height and width, is {config.get('crop_size')!r}")
    if max(crop) > shortest_edge:
        raise refuse(f"crop_size {crop} is larger than the shortest edge {shortest_edge}")
    rescale = config.get("rescale_factor", _RESCALE)
    if not _is_number(rescale) or not rescale > 0:
        raise refuse(f"rescale_factor must be a number above 0, is {rescale!r}")
    mean, std = _channels(config.get("image_mean")), _channels(config.get("image_std"))
    if mean is None or std is None or min(std) <= 0:
        raise refuse("image_mean and image_std must be three numbers each, image_std above 0")
    return ImageRecipe(shortest_edge, crop, float(rescale), mean, std)


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shortest_edge(value: object) -> int | None:
    match value:
        case {"shortest_edge": edge, **others} if is_count(edge) and not others:
            return edge
        case int() if is_count(value):
            return value
        case _:
            return None


def _crop(value: object) -> tuple[int, int] | None:
    match value:
        case {"height": height, "width": width} if is_count(height) and is_count(width):
            return height, width
        case int() if is_count(value):
            return value, value
        case _:
            return None


def _channels(value: object) -> tuple[float, float, float] | None:
    match value:
        case [red, green, blue] if _is_number(red) and _is_number(green) and _is_number(blue):
            return float(red), float(green), float(blue)
        case _:
            return None
