"""The legs of a search, as the command's options ask for them."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path

from triptych.cli.examples import IMAGE, ITEM, TEXT
from triptych.cli.output import CommandError, printable
from triptych.client import Client
from triptych.exploring import vector_weight
from triptych.queries import leg
from triptych.v1.collection_pb2 import VectorSpace
from triptych.v1.search_service_pb2 import VectorQuery, VectorWeight


@dataclass(frozen=True, slots=True)
class LegOptions:
    """What is said of single vectors: which are asked, how they weigh, what they accept."""

    only: Sequence[str]
    weights: Mapping[str, float]
    thresholds: Mapping[str, float]

    def __bool__(self) -> bool:
        return bool(self.only or self.weights or self.thresholds)


def leg_options(
    only: Sequence[str], weights: Sequence[str], thresholds: Sequence[str]
) -> LegOptions:
    """The options as they were written.

    Raises:
        CommandError: one of them is not of its form, or says two things of one vector.
    """
    return LegOptions(
        _names(only),
        _numbers("--weight", "WEIGHT", "image=2", weights),
        _numbers("--leg-threshold", "VALUE", "image=0.25", thresholds),
    )


@dataclass(frozen=True, slots=True)
class Question:
    """What vectors are asked with: which kinds of examples, and what of it all they have to know.

    `told` says it in a message, as in `this vector can't answer …`.
    """

    kinds: AbstractSet[str]
    told: str
    by_terms: bool = True


WORDS = Question(frozenset({TEXT}), "words")
PICTURE = Question(frozenset({IMAGE}), "a picture", by_terms=False)
# The vectors of pictures are asked with the picture, and all others with the words.
WORDS_AND_PICTURE = Question(frozenset({TEXT, IMAGE}), "a picture")
STORED_ITEM = Question(frozenset({ITEM}), "a stored item")


def parts_question(kinds: AbstractSet[str]) -> Question:
    """The question of several parts in one vector, which terms can't answer."""
    return Question(kinds, "several parts in one", by_terms=False)


def examples_question(kinds: AbstractSet[str]) -> Question:
    """The question of examples, all of which a vector has to know."""
    return Question(kinds, "these examples", by_terms=IMAGE not in kinds)


def legs_of(
    client: Client, collection: str, text: str | None, image: Path | None, wanted: LegOptions
) -> list[VectorQuery]:
    """The legs of a search by words and a picture, each with what it is asked with.

    Raises:
        CommandError: a vector that the collection lacks, that is not asked, or that can't answer.
    """
    spaces = client.get_collection(collection).vector_spaces
    of_pictures = {s.name for s in spaces if VectorSpace.SOURCE_IMAGE in s.sources}
    data = None if image is None else image.read_bytes()
    return [
        leg(
            name,
            weight=wanted.weights.get(name),
            image=data if name in of_pictures else None,
            text=None if name in of_pictures else text,
            score_threshold=wanted.thresholds.get(name),
        )
        for name in _chosen(spaces, collection, WORDS_AND_PICTURE, wanted)
    ]


def legs_of_one_question(
    client: Client, collection: str, question: Question, wanted: LegOptions
) -> list[VectorQuery]:
    """The legs of a search that asks all of them the same; none where the server may choose them.

    Raises:
        CommandError: those of `legs_of`.
    """
    return [
        leg(
            name,
            weight=wanted.weights.get(name),
            score_threshold=wanted.thresholds.get(name),
        )
        for name in _named(client, collection, question, wanted)
    ]


def legs_by_examples(
    client: Client, collection: str, kinds: AbstractSet[str], wanted: LegOptions
) -> list[VectorWeight]:
    """The legs of a search by examples; none where the server may choose them.

    Raises:
        CommandError: those of `legs_of`.
    """
    return [
        vector_weight(
            name,
            weight=wanted.weights.get(name),
            score_threshold=wanted.thresholds.get(name),
        )
        for name in _named(client, collection, examples_question(kinds), wanted)
    ]


def answering(spaces: Sequence[VectorSpace], question: Question) -> list[str]:
    """The vector spaces that can answer the question, in their order."""
    able = list(spaces)
    if question.kinds != {ITEM}:
        able = [space for space in able if VectorSpace.SOURCE_SUPPLIED not in space.sources]
    if not question.by_terms:
        able = [space for space in able if space.kind != VectorSpace.KIND_SPARSE]
    return [space.name for space in able]


def options_of(legs: Sequence[VectorQuery | VectorWeight]) -> Mapping[str, str]:
    """What the user wrote for the fields of the legs, by their paths."""
    options: dict[str, str] = {}
    for index, asked in enumerate(legs):
        path = f"vectors[{index}]"
        options[path] = f"vector {asked.vector_name}"
        options[f"{path}.weight"] = f"--weight {asked.vector_name}"
        options[f"{path}.score_threshold"] = f"--leg-threshold {asked.vector_name}"
        options[f"{path}.input.image"] = "--image"
        options[f"{path}.input.text"] = "TEXT"
    return options


def _named(
    client: Client, collection: str, question: Question, wanted: LegOptions
) -> Sequence[str]:
    """The vectors to ask by name; none where no option is about any."""
    if not wanted:
        return ()
    spaces = client.get_collection(collection).vector_spaces
    return _chosen(spaces, collection, question, wanted)


def _chosen(
    spaces: Sequence[VectorSpace], collection: str, question: Question, wanted: LegOptions
) -> Sequence[str]:
    """The vectors to ask."""
    known = [space.name for space in spaces]
    for name in (*wanted.only, *wanted.weights, *wanted.thresholds):
        if name not in known:
            raise CommandError(
                f"collection '{collection}' has no vector '{printable(name)}' "
                f"(it has {', '.join(known)})"
            )
    able = answering(spaces, question)
    chosen = wanted.only or able
    for option, named in (("--weight", wanted.weights), ("--leg-threshold", wanted.thresholds)):
        for name in named:
            if name not in chosen:
                raise CommandError(
                    f"{option} {name}: this vector is not asked (asked: {', '.join(chosen)})"
                )
    for name in wanted.only:
        if name not in able:
            raise CommandError(f"--only {name}: this vector can't answer {question.told}")
    return chosen


def _names(arguments: Sequence[str]) -> list[str]:
    names: list[str] = []
    for argument in arguments:
        for name in map(str.strip, argument.split(",")):
            if not name:
                raise CommandError(f"--only {argument!r}: needs names of vectors, joined by commas")
            if name in names:
                raise CommandError(f"--only: {name} is named twice")
            names.append(name)
    return names


def _numbers(option: str, what: str, example: str, arguments: Sequence[str]) -> dict[str, float]:
    """A number for each vector, written as `VECTOR=NUMBER`."""
    numbers: dict[str, float] = {}
    for argument in arguments:
        name, _, number = (part.strip() for part in argument.partition("="))
        if name in numbers:
            told = "weight" if option == "--weight" else "threshold"
            raise CommandError(f"{option} {argument}: {name} has a {told} already")
        try:
            numbers[name] = float(number)
        except ValueError:
            name = ""
        if not name:
            raise CommandError(f"{option} {argument}: needs VECTOR={what}, such as {example}")
    return numbers
