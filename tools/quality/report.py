"""The report: nothing in it depends on the machine or the day."""

import textwrap
from collections.abc import Sequence
from itertools import chain

from tools.quality.asking import DEFAULT_CANDIDATES, Asked
from tools.quality.choice import Grid, grid
from tools.quality.figures import DEEP, RESAMPLES, Figures, figures, place_of
from tools.quality.measure import Measured
from tools.quality.oracle import ranks_of
from tools.quality.questions import FIRST, Question, Sort
from tools.quality.settings import (
    KS,
    LEGS,
    PARTS,
    WEIGHTINGS,
    Setting,
    Weighting,
)
from tools.quality.tables import percent, points, table

WIDTH = 100
COMPARED = 8
OCR_TERMS = next(one for one in PARTS if one.name == "ocr + terms")
FIGURES_HEAD = ("", "questions", "success@3", "success@1", "MRR", "recall@10")
Lines = list[str]


def render(measured: Measured) -> str:
    """The report as Markdown."""
    found = grid(measured)
    parts: tuple[Lines, ...] = (
        _head(measured),
        _judged(measured),
        _printed(measured),
        _controls(measured),
        _grid(found, measured),
        _choice(found),
        _failures("Development questions", measured, measured.development),
        _failures("Judging questions", measured, measured.judging),
        _failures("Label words", measured, measured.label_words),
    )
    return "\n".join(chain.from_iterable(parts)).rstrip() + "\n"


def _paragraph(text: str) -> Lines:
    return [*textwrap.wrap(text, WIDTH, break_on_hyphens=False), ""]


def _head(measured: Measured) -> Lines:
    facts, one = measured.facts, 100 / len(measured.judging)
    return [
        "# Answer quality",
        "",
        *_paragraph(
            f"Written by `make quality`. {facts.pictures} drawn pictures, {facts.captions} of them "
            f"with a caption, {facts.with_print} with words that Tesseract read; tiny-clip "
            f"revision {facts.revision}. {len(measured.development)} development questions, "
            f"{len(measured.judging)} judging questions and {len(measured.label_words)} words "
            "that stand on one label each, asked over gRPC of a server on the embedded store. "
            "Every ranking and score that the server gave was recomputed from its similarities in "
            "numpy and was the same."
        ),
        *_paragraph(
            f"success@{FIRST}: share of questions with an expected picture among the first "
            f"{FIRST}; success@1: the first. MRR: mean of 1 / place of the first expected picture. "
            f"recall@{DEEP}: of the questions that expect several pictures, the mean share of "
            f"these among the first {DEEP}. All in percent. One judging question is {one:.1f} "
            "points."
        ),
    ]


def _row(name: str, found: Figures) -> tuple[str, ...]:
    shares = (found.success3, found.success1, found.mrr, found.recall10)
    return (name, str(found.questions), *map(percent, shares))


def _judged(measured: Measured) -> Lines:
    sets = (
        ("judging", measured.judging),
        ("development", measured.development),
        ("label words", measured.label_words),
    )
    default = measured.default
    legs = [Setting(one, default.k) for one in PARTS[: len(LEGS)]]
    rows = []
    for sort in Sort:
        both = [
            [asked for asked in answers if asked.question.sort is sort] for _, answers in sets[:2]
        ]
        if not all(both):
            continue
        alone = [percent(measured.at(leg, [*both[0], *both[1]]).success3) for leg in legs]
        at = [percent(measured.at(default, answers).success3) for answers in both]
        rows.append((sort.value, f"{len(both[0])} + {len(both[1])}", *at, *alone))
    return [
        f"## At the defaults ({default.name})",
        "",
        *table(FIGURES_HEAD, [_row(name, measured.at(default, one)) for name, one in sets]),
        "",
        *_paragraph(
            f"success@{FIRST} by what a question has to be answered from; the four columns on the "
            "right ask one leg alone, over both sets."
        ),
        *table(("sort", "questions", "judging", "development", *LEGS), rows),
        "",
    ]


def _printed(measured: Measured) -> Lines:
    ways = (
        ("ocr + terms", Setting(OCR_TERMS, measured.default.k)),
        ("all legs, the default", measured.default),
        ("terms alone", Setting(PARTS[LEGS.index("terms")], measured.default.k)),
    )
    words = measured.label_words
    return [
        "## Words printed on labels",
        "",
        *table(FIGURES_HEAD, [_row(name, measured.at(way, words)) for name, way in ways]),
        "",
    ]


def _controls(measured: Measured) -> Lines:
    pictures = [
        _row(name, figures([one.first for one in asked], [one.expected for one in asked]))
        for name, asked in (
            ("new picture, image leg", measured.by_looks),
            ("new picture, caption leg", measured.by_caption),
        )
    ]
    return [
        "## Controls",
        "",
        *_paragraph(
            "The judging questions again, with the picture, the caption and the printed words of "
            "every item moved to three other items; and scenes drawn with another seed, each to "
            "find its own stored picture by one leg."
        ),
        *table(
            FIGURES_HEAD,
            [_row("wrong panels", measured.at(measured.default, measured.shuffled)), *pictures],
        ),
        "",
    ]


def _grid(found: Grid, measured: Measured) -> Lines:
    head = ("weights", *(f"k = {k:g}" for k in KS))

    def rows(weightings: Sequence[Weighting], kind: str) -> list[tuple[str, ...]]:
        shown = []
        for one in weightings:
            settings = [Setting(one, k) for k in KS]
            values = [
                found.success3(s) if kind == "success" else found.reciprocal[s] for s in settings
            ]
            shown.append((one.name, *(percent(float(value.mean())) for value in values)))
        return shown

    count = len(measured.development) + len(measured.label_words)
    return [
        "## Settings compared",
        "",
        *_paragraph(
            f"success@{FIRST} over the development questions and the label words together, "
            f"{count} questions; a leg that is not named has weight 1. Each leg brings "
            f"{DEFAULT_CANDIDATES} candidates, as by default."
        ),
        *table(head, rows(WEIGHTINGS, "success")),
        "",
        "MRR of the same:",
        "",
        *table(head, rows(WEIGHTINGS, "mrr")),
        "",
        f"Fewer legs, success@{FIRST}:",
        "",
        *table(head, rows(PARTS, "success")),
        "",
    ]


def _choice(found: Grid) -> Lines:
    best, chosen, default = found.best(), found.chosen(), found.default
    # Beside the leaders, what each half of the best setting gives alone.
    halves = (Setting(default.weighting, best[0].k), Setting(best[0].weighting, default.k))
    rows = []
    for setting in dict.fromkeys((default, *best[:COMPARED], *halves)):
        success, mrr = found.gain3(setting), found.gain_mrr(setting)
        rows.append(
            (
                setting.name,
                percent(float(found.success3(setting).mean())),
                points(success.low, success.difference, success.high),
                points(mrr.low, mrr.difference, mrr.high),
            )
        )
    if best[0] == default:
        verdict = f"The rule keeps the defaults, which lead: {default.name}."
    elif chosen == default:
        verdict = (
            f"The rule keeps the defaults ({default.name}): {best[0].name} leads, within the noise."
        )
    else:
        verdict = f"The rule speaks for {chosen.name}: its gain is beyond noise."
    return [
        "## The choice",
        "",
        *_paragraph(
            f"Gains over the default in points, with the 95 % interval of a paired bootstrap over "
            f"the questions ({RESAMPLES} resamples). The intervals do not allow for having picked "
            f"the best of {len(WEIGHTINGS) * len(KS)} settings, so they are rather too narrow. "
            "Among the rows are those that change only k, and only the weights."
        ),
        *table(("setting", f"success@{FIRST}", "gain", "gain in MRR"), rows),
        "",
        *_paragraph(verdict),
    ]


def _failures(name: str, measured: Measured, answers: Sequence[Asked]) -> Lines:
    failed = [asked for asked in answers if place_of(asked.first, measured.expected(asked)) > FIRST]
    lines = [f"## {name} that failed: {len(failed)} of {len(answers)}", ""]
    for asked in failed:
        lines += textwrap.wrap(
            _failure(measured, asked), WIDTH, initial_indent="- ", subsequent_indent="  "
        )
    return [*lines, ""] if failed else lines


def _failure(measured: Measured, asked: Asked) -> str:
    """What was asked, found and expected, and where each leg alone has the best expected one."""
    question: Question = asked.question
    wanted = measured.expected(asked)
    place = place_of(asked.ranking(measured.default), wanted)
    ranks = ranks_of(asked.similarities, len(asked.items))
    rows = [row for row, item in enumerate(asked.items) if item in wanted]
    legs = [
        f"{leg} {ranks[rows, column].min():.0f}" if rows and ranks[rows, column].min() < 1e9 else ""
        for column, leg in enumerate(LEGS)
    ]
    where = f" where {' and '.join(question.where)}" if question.where else ""
    return (
        f"“{question.text}”{where} ({question.sort.value}): expected "
        f"{', '.join(question.expected)}, best at {place:.0f} "
        f"({', '.join(filter(None, legs))}); came {', '.join(asked.first[:FIRST])}"
    )
