"""Four pictures of every thing, of many colours, counts and drawing styles, by a seed of their own.

Each picture has traits, which are the truth that answers are held to: ``thing:``, each ``kind:``
that the thing belongs to, ``colour:`` of the ground, ``count:`` and ``style:``.
"""

import io
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tools.quality.collection import NotIngested
from tools.quality.discovery.cases import Case
from tools.sprites.catalogue import load_things
from tools.tiny_clip.colours import COLOURS
from tools.tiny_clip.compose import Plan, compose
from tools.tiny_clip.kinds import KINDS
from tools.tiny_clip.seeds import DISCOVERY_SEED
from tools.tiny_clip.sprites import STYLES, load_fontless
from triptych import Client, UpsertOutcome, VectorSpace, make_item

COLLECTION = "discoveries"
EACH = 4
COLOUR_NAMES = tuple(colour.names[0] for colour in COLOURS)
COUNT_NAMES = ("one", "two", "three")
STYLE_NAMES = STYLES[:3]
# As often as training draws them, more or less: half in colour.
_STYLE_SHARES = (0.5, 0.2, 0.3)


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawn picture: its item's id, what it shows, and its PNG file."""

    id: str
    traits: frozenset[str]
    data: bytes


def kinds_of(thing: str) -> frozenset[str]:
    """The names of the kinds that a thing belongs to."""
    return frozenset(kind.trained[0] for kind in KINDS if thing in kind.slugs)


def draw_gallery(cases: Sequence[Case]) -> tuple[Picture, ...]:
    """Each thing in ``EACH`` pictures.

    Where a case has it as its target, these are the four ways to be on the sides of its two pairs;
    everything else is left to chance.
    """
    rng = np.random.default_rng(DISCOVERY_SEED)
    things = load_things()
    slugs = tuple(thing.slug for thing in things)
    sprites = load_fontless(things)
    fixed = {case.thing: tuple(_sides(case)) for case in cases if case.thing}
    pictures = []
    for place, slug in enumerate(slugs):
        for number, wanted in enumerate(fixed.get(slug, ({},) * EACH)):
            colour = wanted.get("colour") or str(rng.choice(COLOUR_NAMES))
            count = wanted.get("count") or str(rng.choice(COUNT_NAMES))
            style = wanted.get("style") or str(rng.choice(STYLE_NAMES, p=_STYLE_SHARES))
            plan = Plan(
                (place,) * (COUNT_NAMES.index(count) + 1),
                COLOUR_NAMES.index(colour),
                words=False,
                style=STYLE_NAMES.index(style),
                fancy=True,
            )
            image, _ = compose(plan, sprites, rng)
            file = io.BytesIO()
            image.save(file, "PNG", compress_level=1)
            said = (f"thing:{slug}", f"colour:{colour}", f"count:{count}", f"style:{style}")
            traits = frozenset(said) | {f"kind:{kind}" for kind in kinds_of(slug)}
            pictures.append(Picture(f"{slug}-{number}", traits, file.getvalue()))
    return tuple(pictures)


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


def _sides(case: Case) -> Iterator[Mapping[str, str]]:
    """The four ways to be on one side or the other of each pair, as what the picture shows."""
    for sides in itertools.product(*zip(case.wanted, case.unwanted, strict=True)):
        yield {side.aspect: side.shows.partition(":")[2] for side in sides}
