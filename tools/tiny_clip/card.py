"""Writes the model card from ``model.json`` and ``evaluation.json`` of a folder."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tools.sprites.catalogue import load_things
from tools.tiny_clip import templates
from tools.tiny_clip.colours import COLOURS
from tools.tiny_clip.reference import LEAST_COSINE

TEXT = Path(__file__).with_name("card_text.md")


@dataclass(frozen=True, slots=True)
class Gate:
    """A figure that the model should reach: ``figure`` of ``section``."""

    section: str
    figure: str
    least: float


GATES: tuple[Gate, ...] = (
    Gate("text to image, unseen forms", "R@1", 80),
    Gate("text to image, unseen forms", "R@5", 95),
    Gate("image to text, unseen forms", "R@1", 80),
    Gate("colour, unseen forms", "accuracy", 90),
    Gate("count, unseen forms", "accuracy", 90),
    Gate("style negative (never trained)", "R@10", 60),
    Gate("style halftone (never trained)", "R@10", 60),
    Gate("picture + new colour - old colour", "R@10", 80),
    Gate("as in torch", "least cosine, pictures", LEAST_COSINE),
    Gate("as in torch", "least cosine, texts", LEAST_COSINE),
)
_SHOWN = (
    "R@1",
    "R@5",
    "R@10",
    "accuracy",
    "AUC",
    "R-precision",
    "least cosine, pictures",
    "least cosine, texts",
)


def figures_table(sections: Mapping[str, Mapping[str, float]]) -> str:
    """All sections as one Markdown table."""
    lines = ["| what | figures, % |", "|---|---|"]
    for name, figures in sections.items():
        shown = " · ".join(f"{key} {figures[key]}" for key in _SHOWN if key in figures)
        lines.append(f"| {name} | {shown} |")
    return "\n".join(lines)


def gates_table(sections: Mapping[str, Mapping[str, float]]) -> str:
    """What was aimed at, what was reached, and which fell short."""
    lines = ["| aim | at least | measured | |", "|---|---|---|---|"]
    for gate in GATES:
        reached = sections[gate.section][gate.figure]
        verdict = "reached" if reached >= gate.least else "fell short"
        lines.append(f"| {gate.section}, {gate.figure} | {gate.least:g} | {reached} | {verdict} |")
    return "\n".join(lines)


def fallen_short(sections: Mapping[str, Mapping[str, float]]) -> list[str]:
    """A line for each gate that is not reached."""
    return [
        f"{gate.section}, {gate.figure}: {sections[gate.section][gate.figure]}, "
        f"at least {gate.least}"
        for gate in GATES
        if sections[gate.section][gate.figure] < gate.least
    ]


def write_card(folder: Path) -> None:
    """Writes ``MODEL_CARD.md``; raises ``ValueError`` where the figures are not the model's."""
    about = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    measured = json.loads((folder / "evaluation.json").read_text(encoding="utf-8"))
    if measured["revision"] != about["revision"]:
        raise ValueError("evaluation.json is of another revision: evaluate first")
    things = load_things()
    card = TEXT.read_text(encoding="utf-8")
    size = sum((folder / name).stat().st_size for name in about["files"])
    training = about["training"]
    for slot, value in (
        ("REVISION", about["revision"]),
        ("CLASS_COUNT", str(len(things))),
        ("CLASSES", ", ".join(thing.name for thing in things)),
        ("COLOURS", ", ".join(colour.names[0] for colour in COLOURS)),
        ("MINUTES", str(training["minutes"])),
        ("STEPS", f"{training['steps']:,}"),
        ("PICTURES", f"{training['pictures']:,}"),
        ("TEMPLATES", str(_template_count())),
        ("MEGABYTES", f"{size / 2**20:.1f}"),
        ("GATES", gates_table(measured["sections"])),
        ("FIGURES", figures_table(measured["sections"])),
    ):
        card = card.replace(f"<{slot}>", value)
    (folder / "MODEL_CARD.md").write_text(card, encoding="utf-8")


def _template_count() -> int:
    """How many different sentence forms are trained."""
    found = set[str]()
    for name, value in vars(templates).items():
        if name.endswith("_TRAINED"):
            found.update(
                form for part in value for form in ([part] if isinstance(part, str) else part)
            )
    return len(found)
