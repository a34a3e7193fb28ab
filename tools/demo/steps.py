"""Takes the demo's steps one by one, and shows what comes out."""

from pathlib import Path

from rich.console import Console

from tools.demo.answer import Answer
from tools.demo.places import Places, shown
from tools.demo.question import FIRST, HITS, Asking, Contrast
from tools.demo.screen import fact, heading, moves, python, say, shell
from triptych import Client
from triptych.cli.sheet import contact_sheet
from triptych.cli.table import render_search

# So deep are two weightings compared: a picture may come up from far behind.
_DEEP = 100


def take(
    console: Console, client: Client, places: Places, number: int, step: Asking | Contrast
) -> bool:
    """Takes one step and shows it; whether it came out as expected."""
    if isinstance(step, Contrast):
        return _contrasted(console, client, places, number, step)
    answer = _asked(client, places, step, HITS)
    missing = step.missing(answer.ids)
    heading(console, f"{number}. {step.title}")
    return _shown(console, places, step, answer, "" if missing else step.why(answer))


def _contrasted(
    console: Console, client: Client, places: Places, number: int, step: Contrast
) -> bool:
    one, other = (_asked(client, places, each, _DEEP) for each in (step.one, step.other))
    unswapped = step.unswapped(one, other)
    good = not unswapped
    heading(console, f"{number}. {step.one.title}")
    for question, deep in ((step.one, one), (step.other, other)):
        why = "" if unswapped else question.why(deep)
        good &= _shown(console, places, question, _asked(client, places, question, HITS), why)
        console.print()
    moves(console, step, one, other)
    console.print()
    fact(console, "why", step.why(one, other))
    for first, second in unswapped:
        text = f"✗ {first} and {second} did not change places as expected"
        say(console, text, "bold red")
    if not unswapped:
        names = ", ".join(f"{first} and {second}" for first, second in step.swaps)
        say(console, f"✓ as expected: {names} changed places", "bold green")
    return good


def _asked(client: Client, places: Places, question: Asking, limit: int) -> Answer:
    question.draw(places)
    return question.ask(client, places, limit)


def _shown(console: Console, places: Places, question: Asking, answer: Answer, why: str) -> bool:
    """Shows a question and its answer; whether it holds what is expected."""
    say(console, question.about)
    shell(console, question.command(places))
    python(console, question.python(places))
    console.print()
    render_search(answer.response, console, asked=question.names(places))
    console.print()
    if why:
        fact(console, "why", why)
    fact(console, "sheet", shown(_sheet(places, question, answer)))
    missing = question.missing(answer.ids)
    if missing:
        text = f"✗ expected among the first {FIRST}, and not there: {', '.join(missing)}"
        say(console, text, "bold red")
    else:
        found = [f"{name} is number {answer.place(name)}" for name in question.expected]
        say(console, f"✓ as expected: {', '.join(found)}", "bold green")
    return not missing


def _sheet(places: Places, question: Asking, answer: Answer) -> Path:
    """Draws the contact sheet; returns its file."""
    sheet = question.sheet(places)
    sheet.parent.mkdir(exist_ok=True)
    contact_sheet(
        answer.response.hits,
        answer.response.legs,
        places.pictures,
        sheet,
        title=question.in_short(),
        asked=question.pictures(places),
    )
    return sheet
