"""What the cookbook's test would overlook, and what it would not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.cookbook.document import recipes, replaced, sections, setup
from tools.cookbook.grpcurl import NotACall, calls_of
from tools.cookbook.outputs import is_part, part_of, same_answer, same_text
from triptych.v1.item_service_pb2 import CountItemsResponse
from triptych.v1.search_service_pb2 import (
    BatchSearchResponse,
    BatchSearchResult,
    SearchHit,
    SearchRequest,
    SearchResponse,
)

DOCUMENT = """# Title

## Before

```sh
# not a heading
make it
```

### 1. One

```python
print(1)
```

```text
0
```

### 2. Two

```text
00
```
"""


def test_a_document_falls_into_its_sections() -> None:
    assert [one.title for one in sections(DOCUMENT)] == ["Before", "1. One", "2. Two"]
    assert setup(DOCUMENT).one("sh").text == "# not a heading\nmake it\n"
    first, second = recipes(DOCUMENT)
    assert [block.language for block in first.blocks] == ["python", "text"]
    renewed = replaced(DOCUMENT, [(first.one("text"), "longer\n"), (second.one("text"), "2\n")])
    assert [one.one("text").text for one in recipes(renewed)] == ["longer\n", "2\n"]
    assert len(renewed) == len(DOCUMENT) + 4
    with pytest.raises(ValueError):
        second.one("sh")


@pytest.mark.parametrize(
    ("shown", "real", "same"),
    [
        ("1. mug 0.792\n", "1. mug 0.792\n", True),
        ("1. mug 0.792\n", "1. mug 0.793\n", True),
        ("1. mug 0.792\n", "1. mug 0.794\n", False),
        ("1. mug 0.79\n", "1. mug 0.792\n", False),
        ("1. mug 0.79\n", "2. mug 0.79\n", False),
        ("1. mug 0.79\n", "1. cup 0.79\n", False),
        ("-0.01 0.50\n", "0.00 0.50\n", True),
        ("0.50\n", "0.50\n0.40\n", False),
    ],
)
def test_outputs_differ_in_their_last_digit_at_most(shown: str, real: str, same: bool) -> None:
    assert same_text(shown, real) is same


def test_a_part_of_an_answer() -> None:
    real = {"hits": [{"id": "mug", "score": 0.79166, "rank": 1}, {"id": "cup"}], "legs": []}
    shown = {"hits": [{"score": 0.792, "id": "mug"}]}
    assert is_part(shown, real)
    assert part_of(shown, real) == shown
    assert not is_part({"hits": [{"id": "cup"}]}, real)
    assert not is_part({"hits": [{"score": 0.8}]}, real)
    assert not is_part({"hits": [{"no": 1}]}, real)
    assert not is_part({"legs": [{}]}, real)


def test_answers_are_the_same_but_for_their_timings() -> None:
    found = SearchResponse(hits=[SearchHit(rank=1, score=0.5)])
    later = SearchResponse(hits=found.hits)
    later.timings.total_us = 7
    assert same_answer(found, later)
    assert not same_answer(found, SearchResponse(hits=[SearchHit(rank=1, score=0.25)]))
    assert not same_answer(found, CountItemsResponse())
    assert not same_answer(None, found)
    batch = BatchSearchResponse(results=[BatchSearchResult(response=later)])
    assert same_answer([found], batch)
    assert not same_answer([found, found], batch)
    assert not same_answer([], batch)


def test_calls_are_read_as_bash_reads_them(tmp_path: Path) -> None:
    script = """
    grpcurl -plaintext -d '{"collection_id": "a b",
      "limit": 3}' 127.0.0.1:50051 triptych.v1.SearchService/Search
    word=it grpcurl -plaintext -d @ 127.0.0.1:50051 triptych.v1.SearchService/Search <<END
    {"collection_id": "$(echo "$((1 + 1))")", "input": {"text": "it's"}}
    END
    """.replace("\n    ", "\n")
    one, other = (call.request() for call in calls_of(script, tmp_path, tmp_path / "calls"))
    assert one == SearchRequest(collection_id="a b", limit=3)
    assert isinstance(other, SearchRequest)
    assert (other.collection_id, other.input.text) == ("2", "it's")


@pytest.mark.parametrize(
    "script",
    [
        "true",
        "false",
        "grpcurl -d '{}' 127.0.0.1:50051 triptych.v1.SearchService/Search",
        "grpcurl -plaintext -d '{}' 127.0.0.1:50052 triptych.v1.SearchService/Search",
    ],
)
def test_other_calls_are_refused(tmp_path: Path, script: str) -> None:
    with pytest.raises(NotACall):
        calls_of(script, tmp_path, tmp_path / "calls")
