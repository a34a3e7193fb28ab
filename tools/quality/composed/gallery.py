"""Every thing on grounds of four colours, drawn as tiny-clip's training draws, by another seed."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from tools.quality.collection import NotIngested
from tools.quality.composed.swaps import Swap
from tools.sprites.catalogue import load_things
from tools.tiny_clip.colours import COLOURS
from tools.tiny_clip.compose import Plan, compose
from tools.tiny_clip.seeds import COMPOSED_SEEDS
from triptych import Client, UpsertOutcome, VectorSpace, make_item

COLLECTION = "swaps"
GROUNDS = 4
COLOUR_NAMES = tuple(colour.names[0] for colour in COLOURS)


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawn picture: what it shows, the colour of its ground, and its PNG file."""

    thing: str
    colour: str
    data: bytes

    @property
    def id(self) -> str:
        """Its item's id."""
        return item_id(self.thing, self.colour)


def item_id(thing: str, colour: str) -> str:
    """The id of the one picture of this thing on this ground."""
    return f"{thing}-on-{colour}"


def draw_gallery(swaps: Sequence[Swap]) -> tuple[Picture, ...]:
    """Each thing once on each of four grounds, the colours of its swap among them."""
    drawer = _Drawer(COMPOSED_SEEDS[0])
    wanted = {swap.thing: (swap.old, swap.new) for swap in swaps}
    return tuple(
        drawer.draw(thing, colour)
        for thing in drawer.things
        for colour in drawer.colours(wanted.get(thing, ()))
    )


def draw_questions(swaps: Sequence[Swap]) -> tuple[Picture, ...]:
    """For each swap the picture that is asked with: drawn anew, and in no gallery."""
    drawer = _Drawer(COMPOSED_SEEDS[1])
    return tuple(drawer.draw(swap.thing, swap.old) for swap in swaps)


def ingest(client: Client, pictures: Sequence[Picture]) -> None:
    """Writes the pictures into a collection that knows nothing but how they look.

    Raises:
        NotIngested: a picture is missing afterwards.
    """
    looks = [VectorSpace(name="image", sources=[VectorSpace.SOURCE_IMAGE])]
    client.create_collection(COLLECTION, vector_spaces=looks, image_retention="none")
    items = [make_item(picture.id, image=picture.data) for picture in pictures]
    outcomes = client.upsert(COLLECTION, items, ocr="skip")
    made = sum(outcome.result == UpsertOutcome.RESULT_CREATED for outcome in outcomes)
    if made != len(pictures):
        raise NotIngested(f"{made} of {len(pictures)} pictures")


class _Drawer:
    """Draws single things in colour on any ground, from one seed."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        known = load_things()
        self.things = tuple(thing.slug for thing in known)
        self._sprites = tuple(Image.open(thing.sprite_path).convert("RGBA") for thing in known)

    def colours(self, fixed: Sequence[str]) -> Iterator[str]:
        """``GROUNDS`` colours, those of ``fixed`` first."""
        others = [name for name in COLOUR_NAMES if name not in fixed]
        places = self._rng.choice(len(others), GROUNDS - len(fixed), replace=False)
        yield from (*fixed, *(others[int(place)] for place in places))

    def draw(self, thing: str, colour: str) -> Picture:
        shown = (self.things.index(thing),)
        plan = Plan(shown, COLOUR_NAMES.index(colour), words=False, style=0, fancy=True)
        image, _ = compose(plan, (self._sprites,), self._rng)
        file = io.BytesIO()
        image.save(file, "PNG", compress_level=1)
        return Picture(thing, colour, file.getvalue())
