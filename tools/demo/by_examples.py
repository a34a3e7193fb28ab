"""Questions of the demo with several parts, with examples, and with pairs of them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tools.demo.gallery import draw_question
from tools.demo.places import COLLECTION, Places, shown
from tools.demo.question import Asking, Shared
from triptych import Client, examples, pair, query_input
from triptych._example_formulas import RankedResponse
from triptych.cli.examples import ITEM, Example, parse_example, parse_parts


@dataclass(frozen=True, slots=True)
class ComposedQuestion(Asking):
    """A picture, drawn anew of the scene ``image_of``, and words that lead to it and away."""

    image_of: str = ""
    plus: tuple[str, ...] = field(default=())
    minus: tuple[str, ...] = field(default=())

    def draw(self, places: Places) -> None:
        """Draws the scene ``image_of``."""
        draw_question(self.image_of, self._image(places))

    def pictures(self, places: Places) -> list[Path]:
        """The drawn one."""
        return [self._image(places)]

    def names(self, places: Places) -> Sequence[str]:
        """Each part with its weight."""
        image = parse_example("--image", f"@{self._image(places)}")
        words = [part.shown for part in parse_parts(self.plus, self.minus)]
        return [f"{image.shown} ×1", *words]

    def _image(self, places: Places) -> Path:
        return places.answers / f"{self.name}-question.jpg"

    def _asked(self) -> str:
        return ", ".join([*(f"+ {one}" for one in self.plus), *(f"- {one}" for one in self.minus)])

    def _words(self, places: Places) -> list[str]:
        plus = [word for one in self.plus for word in ("--plus", one)]
        minus = [word for one in self.minus for word in ("--minus", one)]
        return ["search", "--image", shown(self._image(places)), *plus, *minus]

    def _python(self, places: Places) -> list[str]:
        parts = [f"part(image=Path({json.dumps(shown(self._image(places)))}))"]
        parts += [f"part(text={json.dumps(one)})" for one in self.plus]
        parts += [f"part(text={json.dumps(one)}, weight=-1)" for one in self.minus]
        return ["search", *_listed("composed", parts)]

    def _call(self, client: Client, places: Places, shared: Shared) -> RankedResponse:
        image = parse_parts([f"@{self._image(places)}"], [])
        parts = [*image, *parse_parts(self.plus, self.minus)]
        return client.search(COLLECTION, composed=[one.as_part() for one in parts], **shared)


@dataclass(frozen=True, slots=True)
class Recommendation(Asking):
    """What is like some examples and unlike others, as the command takes them."""

    like: tuple[str, ...] = field(default=())
    unlike: tuple[str, ...] = field(default=())

    def names(self, places: Places) -> Sequence[str]:
        """The examples."""
        return [parse_example("", one).shown for one in (*self.like, *self.unlike)]

    def _asked(self) -> str:
        return f"like {', '.join(self.like)}, unlike {', '.join(self.unlike)}"

    def _words(self, places: Places) -> list[str]:
        like = [word for one in self.like for word in ("--like", one)]
        return ["recommend", *like, *(word for one in self.unlike for word in ("--unlike", one))]

    def _python(self, places: Places) -> list[str]:
        return [
            "recommend",
            f"positives={_examples_in_python(self.like)}",
            f"negatives={_examples_in_python(self.unlike)}",
        ]

    def _call(self, client: Client, places: Places, shared: Shared) -> RankedResponse:
        items, texts = _split(self.like)
        positives = examples(item_ids=items, texts=texts)
        items, texts = _split(self.unlike)
        negatives = examples(item_ids=items, texts=texts)
        return client.recommend(COLLECTION, positives=positives, negatives=negatives, **shared)


@dataclass(frozen=True, slots=True)
class Discovery(Asking):
    """What is like the stored item ``target``, on the right side of pairs of words."""

    target: str = ""
    pairs: tuple[tuple[str, str], ...] = field(default=())

    def names(self, places: Places) -> Sequence[str]:
        """The target, then the members of the pairs."""
        members = [parse_example("", one).shown for both in self.pairs for one in both]
        return [Example(ITEM, self.target, "").shown, *members]

    def _asked(self) -> str:
        return ", ".join([self.target, *(f"{one} over {other}" for one, other in self.pairs)])

    def _words(self, places: Places) -> list[str]:
        pairs = [word for both in self.pairs for word in ("--pair", *both)]
        return ["discover", "--like-item", self.target, *pairs]

    def _python(self, places: Places) -> list[str]:
        pairs = [
            f"pair(query_input(text={json.dumps(one)}), query_input(text={json.dumps(other)}))"
            for one, other in self.pairs
        ]
        target = f"target=query_input(item_id={json.dumps(self.target)})"
        return ["discover", target, *_listed("pairs", pairs)]

    def _call(self, client: Client, places: Places, shared: Shared) -> RankedResponse:
        pairs = [pair(query_input(text=one), query_input(text=other)) for one, other in self.pairs]
        target = query_input(item_id=self.target)
        return client.discover(COLLECTION, target=target, pairs=pairs, **shared)


def _listed(name: str, values: Sequence[str]) -> list[str]:
    """An argument that is a list, in pieces between which a line may end."""
    first, *rest = values
    pieces = [f"{name}=[{first}", *rest]
    return [*pieces[:-1], f"{pieces[-1]}]"]


def _examples_in_python(written: Sequence[str]) -> str:
    items, texts = _split(written)
    arguments = [f"item_ids={json.dumps(items)}"] if items else []
    arguments += [f"texts={json.dumps(texts)}"] if texts else []
    return f"examples({', '.join(arguments)})"


def _split(written: Sequence[str]) -> tuple[list[str], list[str]]:
    """The items and the words of examples, which have to stand in this order."""
    parsed = [parse_example("", one) for one in written]
    items = [one.value for one in parsed if one.kind == ITEM]
    return items, [one.value for one in parsed if one.kind != ITEM]
