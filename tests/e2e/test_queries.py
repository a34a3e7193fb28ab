"""docs/queries.md: every recipe is run as it stands, and its output is the one that is shown."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator

import pytest
from google.protobuf import json_format

from tests.support.server import RunningServer
from tools.cookbook.document import QUERIES, Section, recipes, sections, setup
from tools.cookbook.outputs import is_part, same_answer, same_text
from tools.cookbook.pictures import NAMES
from tools.cookbook.session import Session
from tools.demo_pictures.scenes import load_scenes

# Whichever test comes first waits until the pictures are drawn, read and written.
pytestmark = pytest.mark.timeout(240)

DOCUMENT = QUERIES.read_text(encoding="utf-8")
RECIPES = recipes(DOCUMENT)


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """The collections as the document makes them."""
    folder = tmp_path_factory.mktemp("cookbook")
    with RunningServer(folder / "data") as server:
        with Session(server.address, folder) as made:
            made.prepare(setup(DOCUMENT))
            yield made
        assert server.stop() == 0, server.log
        assert "Traceback" not in server.log


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.title)
def test_a_recipe(session: Session, recipe: Section) -> None:
    """The call from the shell and the one in Python are told the same, and it is what is shown.

    The shell's call is made from its own JSON, and once more by grpcurl where there is one.
    """
    calls = session.calls(recipe.one("sh"))
    answer = session.make(calls)
    printed, told = session.python(recipe.one("python"))
    assert same_answer(told, answer)
    shown = recipe.one("text").text
    assert same_text(shown, printed), f"shown:\n{shown}\nprinted:\n{printed}"
    said = json_format.MessageToDict(answer)
    for block in recipe.of("json"):
        assert is_part(json.loads(block.text), said), said
    if shutil.which("grpcurl") is not None:
        assert same_answer(told, session.by_grpcurl(recipe.one("sh"), calls))


def test_the_document_is_whole() -> None:
    assert len(RECIPES) >= 25
    numbers = [int(recipe.title.split(".")[0]) for recipe in RECIPES]
    assert numbers == list(range(1, len(RECIPES) + 1))
    for recipe in RECIPES:
        languages = [block.language for block in recipe.blocks if block.language != "json"]
        assert languages == ["sh", "python", "text"], recipe.title
    # No block stands where nothing runs it.
    held = [block for section in (setup(DOCUMENT), *RECIPES) for block in section.blocks]
    assert (
        len(held) == DOCUMENT.count("\n```\n") == sum(len(one.blocks) for one in sections(DOCUMENT))
    )


def test_what_is_said_of_it_is_counted() -> None:
    assert {scene.name for scene in load_scenes()} >= NAMES
    assert f"run on {len(NAMES)} of the demo's drawn pictures" in DOCUMENT
    readme = (QUERIES.parents[1] / "README.md").read_text(encoding="utf-8")
    assert f"answers {len(RECIPES)} questions that people ask" in readme


def test_every_link_leads_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+)", DOCUMENT)
    assert len(links) > 3
    for link in links:
        assert (QUERIES.parent / link).exists(), link
