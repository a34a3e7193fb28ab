"""What the demo asks, each with the answers that it expects."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tools.demo.places import COLLECTION, Places, command, shown
from triptych import Client, SearchResponse
from triptych.cli.where import parse_where

HITS = 5
# An expected picture must be among this many.
FIRST = 3


@dataclass(frozen=True, slots=True)
class Question:
    """A search in words, as arguments, and what it must find.

    ``only`` names the vectors asked, all that can answer where it is empty; ``image_of`` is the
    scene that is drawn anew and asked with.
    """

    name: str
    title: str
    about: str
    expected: tuple[str, ...]
    text: str = ""
    image_of: str = ""
    only: tuple[str, ...] = ()
    where: tuple[str, ...] = field(default=())
    python: str = ""

    def image(self, places: Places) -> Path | None:
        """The file of the picture to ask with."""
        return places.answers / f"{self.name}-question.jpg" if self.image_of else None

    def sheet(self, places: Places) -> Path:
        """The file of the contact sheet."""
        return places.answers / f"{self.name}.png"

    def command(self, places: Places) -> str:
        """The same search as one types it at a shell."""
        image = self.image(places)
        words = ["search", "--collection", COLLECTION]
        words += [self.text] if self.text else []
        words += ["--image", shown(image)] if image else []
        words += ["--only", ",".join(self.only)] if self.only else []
        words += [part for test in self.where for part in ("--where", test)]
        return command([*words, "--limit", str(HITS)])

    def ask(self, client: Client, places: Places) -> SearchResponse:
        """Asks the server."""
        return client.search(
            COLLECTION,
            text=self.text or None,
            image=self.image(places),
            weights=dict.fromkeys(self.only, 1.0) or None,
            where=parse_where(self.where),
            limit=HITS,
        )

    def missing(self, found: Sequence[str]) -> tuple[str, ...]:
        """The expected ids that are not among the first of ``found``."""
        return tuple(name for name in self.expected if name not in found[:FIRST])


QUESTIONS: tuple[Question, ...] = (
    Question(
        name="1-words",
        title="A few words",
        about="Every vector that can answer takes part: looks (image), what is said (caption), "
        "what is written (ocr), and the terms of both texts.",
        text="a cup of coffee",
        expected=("product-coffee.jpg", "thing-coffee.jpg"),
        python='client.search("demo", text="a cup of coffee")',
    ),
    Question(
        name="2-looks",
        title="From text to image",
        about="Words against looks alone. The turtle is in the collection without a caption, and "
        "nothing is written in its picture.",
        text="a turtle",
        only=("image",),
        expected=("thing-turtle.jpg",),
        python='client.search("demo", text="a turtle", weights={"image": 1})',
    ),
    Question(
        name="3-picture",
        title="From image to text",
        about="A picture that is not in the collection, against what is said of those that are.",
        image_of="thing-dog",
        only=("caption",),
        expected=("thing-dog.jpg",),
        python='client.search("demo", image=Path("picture.jpg"), weights={"caption": 1})',
    ),
    Question(
        name="4-printed",
        title="A word that stands only inside a picture",
        about="It is an invented brand, in no caption and no file name: OCR read it off a label. "
        "No model has ever seen the word, so its embedding (ocr) helps little; the terms know it.",
        text="krovandi",
        only=("ocr", "terms"),
        expected=("label-chocolate.webp",),
        python='client.search("demo", text="krovandi", weights={"ocr": 1, "terms": 1})',
    ),
    Question(
        name="5-filtered",
        title="Words and facts together",
        about="Posters only, with a ticket under 20: the filter holds for every vector's search.",
        text="an evening concert",
        where=("category=poster", "price<20"),
        expected=("poster-violin.jpg", "poster-drum.jpg"),
        python='client.search("demo", text="an evening concert",\n'
        '              where=(Field("category") == "poster") & (Field("price") < 20))',
    ),
)
