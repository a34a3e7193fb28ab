"""The legs of a search, as the command's options ask for them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from triptych.cli.output import CommandError, printable
from triptych.client import Client
from triptych.queries import leg
from triptych.v1.collection_pb2 import VectorSpace
from triptych.v1.search_service_pb2 import VectorQuery


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


def legs_of(
    client: Client, collection: str, text: str | None, image: Path | None, wanted: LegOptions
) -> list[VectorQuery]:
    """The legs of a search by words, by a picture, or by both.

    Raises:
        CommandError: a vector that the collection lacks, that is not asked, or that can't answer.
    """
    spaces = client.get_collection(collection).vector_spaces
    of_pictures = {s.name for s in spaces if VectorSpace.SOURCE_IMAGE in s.sources}
    known = [space.name for space in spaces]
    for name in (*wanted.only, *wanted.weights, *wanted.thresholds):
        if name not in known:
            raise CommandError(
                f"collection '{collection}' has no vector '{printable(name)}' "
                f"(it has {', '.join(known)})"
            )
    able = answering(spaces, with_image=image is not None, with_text=text is not None)
    chosen = wanted.only or able
    for option, named in (("--weight", wanted.weights), ("--leg-threshold", wanted.thresholds)):
        for name in named:
            if name not in chosen:
                raise CommandError(
                    f"{option} {name}: this vector is not asked (asked: {', '.join(chosen)})"
                )
    data = None if image is None else image.read_bytes()
    for name in wanted.only:
        if name not in able:
            kind = "words" if image is None else "a picture"
            raise CommandError(f"--only {name}: this vector can't answer {kind}")
    legs = []
    for name in chosen:
        by_picture = data is not None and (text is None or name in of_pictures)
        legs.append(
            leg(
                name,
                weight=wanted.weights.get(name),
                image=data if by_picture else None,
                text=None if by_picture else text,
                score_threshold=wanted.thresholds.get(name),
            )
        )
    return legs


def answering(spaces: Sequence[VectorSpace], *, with_image: bool, with_text: bool) -> list[str]:
    """The vector spaces that can answer words or a picture, in their order."""
    able = [space for space in spaces if VectorSpace.SOURCE_SUPPLIED not in space.sources]
    if not with_text and with_image:
        able = [space for space in able if space.kind != VectorSpace.KIND_SPARSE]
    return [space.name for space in able]


def options_of(legs: Sequence[VectorQuery]) -> Mapping[str, str]:
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
