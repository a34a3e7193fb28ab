"""Everything that is measured, from a running server and an album."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tools.demo.places import ENCODER
from tools.demo_pictures.album import Album
from tools.demo_pictures.scenes import Scene
from tools.quality.asking import Asked, ask, ids_of
from tools.quality.collection import COLLECTION, SHUFFLED, ingest, ingest_shuffled
from tools.quality.figures import Figures, figures
from tools.quality.pictures import AskedByPicture, ask_by_picture, for_captions, for_looks
from tools.quality.questions import Question, development, judging, label_words
from tools.quality.settings import Setting
from triptych import Client


@dataclass(frozen=True, slots=True)
class Facts:
    """What the figures hold for."""

    pictures: int
    captions: int
    with_print: int
    revision: str


@dataclass(frozen=True, slots=True)
class Measured:
    """All answers. ``shuffled`` are those to the judging questions from wrong panels."""

    facts: Facts
    ids: dict[str, str]
    development: tuple[Asked, ...]
    judging: tuple[Asked, ...]
    label_words: tuple[Asked, ...]
    shuffled: tuple[Asked, ...]
    by_looks: tuple[AskedByPicture, ...]
    by_caption: tuple[AskedByPicture, ...]

    @property
    def default(self) -> Setting:
        """The server's own setting, the same for every question."""
        (one,) = {asked.default for asked in (*self.development, *self.judging, *self.label_words)}
        return one

    def expected(self, asked: Asked) -> tuple[str, ...]:
        """The item ids that answer a question."""
        return tuple(self.ids[name] for name in asked.question.expected)

    def at(self, setting: Setting, answers: Sequence[Asked]) -> Figures:
        """The figures that the oracle gives at a setting."""
        rankings = [asked.ranking(setting) for asked in answers]
        return figures(rankings, [self.expected(asked) for asked in answers])


def measure(
    address: str,
    client: Client,
    scenes: tuple[Scene, ...],
    album: Album,
    tell: Callable[[str], None],
) -> Measured:
    """Ingests the album, right and shuffled, and asks everything.

    Raises:
        NotIngested: a picture did not come into the collection.
        Mismatch: the server's ranking is not the oracle's.
        TriptychError: the server refuses a call.
    """
    tell(f"ingesting {len(scenes)} pictures")
    ingest(address, client, album)
    tell("the same with the panels on wrong items")
    ingest_shuffled(client, album)

    def answers(questions: Sequence[Question], collection: str = COLLECTION) -> tuple[Asked, ...]:
        tell(f"asking {len(questions)} questions")
        return tuple(ask(client, collection, question) for question in questions)

    def by_picture(chosen: Sequence[Scene], leg: str) -> tuple[AskedByPicture, ...]:
        tell(f"asking the {leg} leg with {len(chosen)} new pictures")
        return tuple(ask_by_picture(client, COLLECTION, scene, leg) for scene in chosen)

    return Measured(
        facts=_facts(client),
        ids=ids_of(scenes),
        development=answers(development()),
        judging=answers(judging()),
        label_words=answers(label_words(scenes)),
        shuffled=answers(judging(), SHUFFLED),
        by_looks=by_picture(for_looks(scenes), "image"),
        by_caption=by_picture(for_captions(scenes), "caption"),
    )


def _facts(client: Client) -> Facts:
    items = list(client.list_items(COLLECTION))
    (revision,) = (one.revision for one in client.status().encoders if one.name == ENCODER)
    return Facts(
        pictures=len(items),
        captions=sum(bool(item.caption) for item in items),
        with_print=sum(bool(item.ocr_text) for item in items),
        revision=revision,
    )
