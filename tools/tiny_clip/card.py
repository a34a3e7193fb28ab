"""Writes the model card from the folder's own figures.

``python -m tools.tiny_clip.card --model FOLDER --run RUN``: reads ``model.json`` and
``evaluation.json`` of the folder, and how long the run trained.
"""

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path

from tools.sprites.catalogue import load_things
from tools.tiny_clip.colours import COLOURS

TEXT = Path(__file__).with_name("card_text.md")


@dataclass(frozen=True, slots=True)
class Gate:
    """A figure that the model should reach: ``figure`` of ``section`` in percent."""

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
)
_SHOWN = ("R@1", "R@5", "R@10", "accuracy", "AUC", "R-precision")


def figures_table(sections: dict[str, dict[str, float]]) -> str:
    """All sections as one Markdown table."""
    lines = ["| what | figures, % |", "|---|---|"]
    for name, figures in sections.items():
        shown = " · ".join(f"{key} {figures[key]}" for key in _SHOWN if key in figures)
        lines.append(f"| {name} | {shown} |")
    return "\n".join(lines)


def gates_table(sections: dict[str, dict[str, float]]) -> str:
    """What was aimed at, what was reached, and which fell short."""
    lines = ["| aim | at least | measured | |", "|---|---|---|---|"]
    for gate in GATES:
        reached = sections[gate.section][gate.figure]
        verdict = "reached" if reached >= gate.least else "fell short"
        lines.append(
            f"| {gate.section}, {gate.figure} | {gate.least:.0f} | {reached} | {verdict} |"
        )
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    """Writes ``MODEL_CARD.md``; returns 1 where the figures are of another revision."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--run", type=Path, required=True, help="the run that it was exported from")
    arguments = parser.parse_args(argv)
    folder: Path = arguments.model
    about = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    measured = json.loads((folder / "evaluation.json").read_text(encoding="utf-8"))
    if measured["revision"] != about["revision"]:
        print("evaluation.json is of another revision: evaluate first", file=sys.stderr)
        return 1
    last = json.loads((arguments.run / "history.json").read_text(encoding="utf-8"))[-1]
    things = load_things()
    card = TEXT.read_text(encoding="utf-8")
    size = sum((folder / name).stat().st_size for name in about["files"])
    for slot, value in (
        ("REVISION", about["revision"]),
        ("CLASS_COUNT", str(len(things))),
        ("CLASSES", ", ".join(thing.name for thing in things)),
        ("COLOURS", ", ".join(colour.names[0] for colour in COLOURS)),
        ("MINUTES", f"{last['minutes']:.0f}"),
        ("STEPS", f"{last['step']:,.0f}"),
        ("MEGABYTES", f"{size / 2**20:.1f}"),
        ("GATES", gates_table(measured["sections"])),
        ("FIGURES", figures_table(measured["sections"])),
    ):
        card = card.replace(f"<{slot}>", value)
    (folder / "MODEL_CARD.md").write_text(card, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
