"""``Filter.expression``: the trees it gives, its canonical form, and what is refused where."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from google.protobuf.json_format import ParseDict
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.random_expressions import KEYWORD_KEYS, TREES
from tests.wire.test_filters import TESTS
from triptych.v1.filter_pb2 import Condition as ConditionMessage
from triptych.v1.filter_pb2 import FieldCondition as FieldMessage
from triptych.v1.filter_pb2 import Filter as Message
from triptych_server.domain.filter_text import KEYWORDS, filter_text
from triptych_server.domain.filters import (
    Condition,
    Elements,
    Equals,
    Exists,
    FieldCondition,
    Filter,
    Group,
    NumberRange,
    TimeRange,
)
from triptych_server.domain.limits import Limits
from triptych_server.wire.expression_grammar import (
    _WORDS,
    GRAMMAR,
    _parser,
)
from triptych_server.wire.filters import parse_filter, render_filter
from triptych_server.wire.violations import Violations

LIMITS = Limits()
# So that what is random is not refused for its size.
WIDE = Limits(max_filter_text_bytes=10**6, max_filter_conditions=10**4, max_filter_values=10**5)
DOC = (Path(__file__).parents[2] / "docs" / "filters.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `(.+?)` \| `(\{.+\})` \|$", DOC, re.M)


def tree(message: Message, limits: Limits = LIMITS) -> Filter:
    violations = Violations()
    parsed = parse_filter(message, limits, violations)
    violations.raise_if_any()
    return parsed


def of(expression: str, limits: Limits = LIMITS) -> Filter:
    return tree(Message(expression=expression), limits)


def of_json(text: str) -> Filter:
    return tree(ParseDict(json.loads(text), Message()))


def refused(message: Message | str, limits: Limits = LIMITS) -> list[tuple[str, str, str]]:
    """Field, reason and message of every violation."""
    if isinstance(message, str):
        message = Message(expression=message)
    violations = Violations()
    parse_filter(message, limits, violations)
    return [(v.field, v.reason.value, v.message) for v in violations]


# -- the documentation ----------------------------------------------------------------------------


@pytest.mark.parametrize(("expression", "typed"), ROWS, ids=[row[0] for row in ROWS])
def test_the_documented_expressions(expression: str, typed: str) -> None:
    expected = of_json(typed)
    assert repr(of(expression)) == repr(expected)
    assert of(filter_text(expected)) == expected
    # Words of the grammar in lower case; a string in single quotes.
    lower = re.sub(r'\b[A-Z]{2,}\b(?=[^"]*(?:"[^"]*"[^"]*)*$)', lambda m: m[0].lower(), expression)
    assert of(lower) == expected
    assert of(re.sub(r'(?<!HAS )"(\w[\w -]*)"', r"'\1'", expression)) == expected


def test_the_documentation_has_every_test_and_condition() -> None:
    shown = " ".join(typed for _, typed in ROWS)
    tests = FieldMessage.DESCRIPTOR.oneofs_by_name["test"].fields
    conditions = ConditionMessage.DESCRIPTOR.oneofs_by_name["condition"].fields
    for field in (*tests, *conditions):
        assert f'"{field.name}"' in shown, field.name
    for bound in ("gt", "gte", "lt", "lte", "min_should_count"):
        assert f'"{bound}"' in shown
    assert len(ROWS) > 45


def test_the_documented_words_are_those_of_the_grammar() -> None:
    terminals = re.findall(r'^_?[A-Z]+: "([A-Z]+)"i$', GRAMMAR, re.M)
    assert set(terminals) == KEYWORDS
    shown = DOC.split("in upper or lower case: `")[1].split("`")[0]
    assert set(shown.split()) == KEYWORDS


def test_the_documented_errors() -> None:
    for line in re.findall(r"^filter\.expression: (.*)$", DOC, re.M):
        shown = {
            message
            for expression in ("category = poster", "near(place, 91, 0, 5km)")
            for _, _, message in refused(expression)
        }
        assert line in shown


@pytest.mark.parametrize(
    ("expression", "canonical"),
    [
        ("a==1 and b<>2", "a = 1 AND b != 2"),
        ("near( p ,1,2, 0.1 KM )AND BOX(q,1,2,3,4)", "near(p, 1, 2, 100m) AND box(q, 1, 2, 3, 4)"),
        ("at\n least 1 of(a=1)or not(b=2)", "(AT LEAST 1 OF (a = 1)) OR (NOT (b = 2))"),
        ("a = 1 OR b != 2", "a = 1 OR (b != 2)"),
        ("NOT NOT a = 1", "NOT (a != 1)"),
        ("a = -0 AND b > -0", "a = 0 AND b > -0"),
        ("a = 1.50 AND b = 1e3", "a = 1.5 AND b = 1000"),
        ("a = 1e22 AND b < 9007199254740992.0", "a = 1e+22 AND b < 9007199254740992.0"),
        ('"a"."b c" = \'it\\\'s "\\u00e9"\'', 'a."b c" = "it\'s \\"é\\""'),
        ("taken > 2025-06-01t02:00:00.50+02:00", "taken > 2025-06-01T00:00:00.500000Z"),
        ("taken < 2025-06-01T02:00:00+02:00", "taken < 2025-06-01"),
        ("count > 5 AND count(count) > 5", "count > 5 AND count(count) > 5"),
        ('"id" = 5 AND HAS "ocr"', '"id" = 5 AND HAS ocr'),
    ],
)
def test_other_spellings(expression: str, canonical: str) -> None:
    found = of(expression)
    assert filter_text(found) == canonical
    assert of(canonical) == found


# -- to a text and back ---------------------------------------------------------------------------


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(TREES)
def test_a_printed_tree_is_parsed_as_the_same(filter: Filter) -> None:
    text = filter_text(filter)
    again = of(text, WIDE)
    assert again == filter
    # Numbers and booleans that are equal, and zeros of either sign, are told apart.
    assert repr(again) == repr(filter)
    assert filter_text(again) == text


@pytest.mark.parametrize("json_test", [row[0] for row in TESTS], ids=lambda row: str(row)[:40])
def test_every_typed_test_has_a_text(json_test: dict[str, object]) -> None:
    typed = ParseDict({"must": [{"field": {"name": "a.b", **json_test}}]}, Message())
    assert of(filter_text(tree(typed))) == tree(typed)


@given(
    st.datetimes(timezones=st.just(UTC)).filter(lambda moment: 2 < moment.year < 9998),
    st.integers(-1439, 1439),
)
def test_times_with_offsets(moment: datetime, minutes: int) -> None:
    there = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    filter = Filter(must=(FieldCondition(("t",), TimeRange(gt=there)),))
    assert of(filter_text(filter)) == filter
    offset = there.isoformat()
    if len(offset) == len("0002-01-01T00:00:00+00:00"):
        assert of(f"t > {offset}") == filter
        assert of(f"t > {offset.lower()}") == filter


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers(number: float) -> None:
    filter = Filter(must=(FieldCondition(("x",), NumberRange(lt=number)),))
    assert repr(of(filter_text(filter))) == repr(filter)
    assert repr(of(f"x < {number!r}")) == repr(filter)


@given(st.text())
def test_strings(text: str) -> None:
    filter = Filter(must=(FieldCondition(("x",), Equals(text)),))
    assert of(filter_text(filter)) == filter
    assert of(f"x = {json.dumps(text)}") == filter
    single = json.dumps(text)[1:-1].replace('\\"', '"').replace("'", "\\'")
    assert of(f"x = '{single}'") == filter


@pytest.mark.parametrize("key", KEYWORD_KEYS)
def test_words_of_the_grammar_as_keys(key: str) -> None:
    for path in ((key,), (key, "x"), ("x", key)):
        for condition in (
            FieldCondition(path, Exists()),
            Elements(path, Filter(must=(FieldCondition(path, Exists()),))),
        ):
            filter = Filter(must=(condition,))
            assert of(filter_text(filter)) == filter


@pytest.mark.parametrize("shape", range(4))
def test_the_deepest(shape: int) -> None:
    """As deep as a filter may be, in the forms that take the most parentheses."""
    x = FieldCondition(("x",), NumberRange(gte=1, lte=2))
    filter = Filter(must_not=(x,))
    for _ in range(LIMITS.max_filter_depth - 1):
        group: Condition = Group(filter)
        filter = [
            Filter(must=(group,)),
            Filter(must_not=(group,)),
            Filter(should=(Elements(("x",), filter),)),
            Filter(must=(x,), should=(group,)),
        ][shape]
    assert of(filter_text(filter)) == filter
    deeper = Filter(must=(Group(filter),))
    assert [reason for _, reason, _ in refused(filter_text(deeper))] == ["FILTER_TOO_DEEP"]


def test_the_largest() -> None:
    conditions = " AND ".join(["x BETWEEN 1 AND 2"] * LIMITS.max_filter_conditions)
    assert len(of(conditions).must) == LIMITS.max_filter_conditions
    values = ", ".join(map(str, range(LIMITS.max_filter_values)))
    assert of(f"x IN ({values})").must
    longest = 'x = "' + "y" * (LIMITS.max_filter_expression_bytes - 6) + '"'
    assert of(longest).must
    assert render_filter(of(longest)) == longest
    [(field, reason, message)] = refused(longest + " ")
    assert (field, reason) == ("filter.expression", "TEXT_TOO_LONG")
    assert "got 65537 bytes, allowed 65536" in message
    # A typed filter may be larger than any expression: then it has no text to send back.
    large = ParseDict({"must": [{"field": {"name": "x", "equals": "y" * 70_000}}]}, Message())
    assert render_filter(tree(large)) == ""
    assert render_filter(Filter()) == ""


# -- beside other parts ---------------------------------------------------------------------------

A, B, C, D = (FieldCondition((name,), Exists()) for name in "abcd")
A_JSON, B_JSON = ({"field": {"name": name, "exists": True}} for name in "ab")


@pytest.mark.parametrize(
    ("json_filter", "expected"),
    [
        ({"expression": "a EXISTS"}, Filter(must=(A,))),
        ({"expression": ""}, Filter()),
        ({"must": [A_JSON], "expression": "NOT c EXISTS"}, Filter(must=(A,), must_not=(C,))),
        (
            {"must": [A_JSON], "expression": "c EXISTS OR d EXISTS"},
            Filter(must=(A,), should=(C, D)),
        ),
        (
            {"should": [A_JSON, B_JSON], "expression": "c EXISTS OR d EXISTS"},
            Filter(must=(Group(Filter(should=(C, D))),), should=(A, B)),
        ),
        (
            {
                "should": [A_JSON, B_JSON],
                "min_should_count": 2,
                "expression": "AT LEAST 1 OF (c EXISTS, d EXISTS)",
            },
            Filter(must=(Group(Filter(should=(C, D))),), should=(A, B), min_should_count=2),
        ),
        (
            {"must": [{"group": {"expression": "c EXISTS"}}, A_JSON]},
            Filter(must=(Group(Filter(must=(C,))), A)),
        ),
        (
            {"must_not": [{"elements": {"name": "b", "filter": {"expression": "c EXISTS"}}}]},
            Filter(must_not=(Elements(("b",), Filter(must=(C,))),)),
        ),
    ],
    ids=str,
)
def test_an_expression_beside_other_parts(json_filter: dict[str, object], expected: Filter) -> None:
    found = tree(ParseDict(json_filter, Message()))
    assert found == expected
    assert of(filter_text(found)) == found


def test_what_is_wrong_beside_an_expression() -> None:
    typed = {"field": {"name": "x", "equals": None}}
    inner = {"group": {"expression": "a EXISTS AND HAS ''"}}
    found = refused(
        ParseDict({"must": [typed, inner], "expression": "b = 1 OR near(c, 0, 181, 1m)"}, Message())
    )
    assert found == [
        ("filter.must[0].field.equals", "FILTER_TYPE", found[0][2]),
        ("filter.must[1].group.expression", "FIELD_REQUIRED", found[1][2]),
        ("filter.expression", "FILTER_GEO", found[2][2]),
    ]
    assert found[1][2].startswith("at character 18: ")
    assert found[2][2].startswith("at character 21: ")
    several = {"must": [{"group": {"expression": "a ="}}, {"group": {"expression": "b"}}]}
    assert [field for field, _, _ in refused(ParseDict(several, Message()))] == [
        "filter.must[0].group.expression",
        "filter.must[1].group.expression",
    ]
    nothing = ParseDict({"must": [A_JSON], "min_should_count": 2}, Message())
    nothing.expression = "a EXISTS OR b EXISTS"
    assert [(f, r) for f, r, _ in refused(nothing)] == [
        ("filter.min_should_count", "LIMIT_INVALID")
    ]


# -- errors ---------------------------------------------------------------------------------------

NO, COMPARISON = (
    "FILTER_EXPRESSION_INVALID",
    "a comparison, IN, BETWEEN, IS, NOT, EXISTS, MATCHES or PHRASE",
)
SYNTAX = {
    " ": (2, "expected a condition, such as price < 20 (got the end)"),
    "price": (6, f"expected {COMPARISON} (got the end)"),
    "price 20": (7, f"expected {COMPARISON} (got 20)"),
    "price < ": (9, "expected a number or a time (got the end)"),
    "price < cheap": (
        9,
        "expected a number or a time (got cheap)",
    ),
    "taken > '2025-06-01'": (
        9,
        "expected a number or a time; numbers and times stand without quotes (got '2025-06-01')",
    ),
    'price BETWEEN "5" AND 20': (
        15,
        'expected a number or a time; numbers and times stand without quotes (got "5")',
    ),
    "price = a.b": (
        9,
        "expected a string, a number, a time, true or false; text stands in quotes (got a.b)",
    ),
    "price = null": (
        9,
        "expected a string, a number, a time, true or false; nulls are found by IS NULL (got null)",
    ),
    "serial = 3d": (11, "expected AND, OR or the end; text stands in quotes (got d)"),
    "zip = 01234": (7, "begins with a zero; text stands in quotes (got 01234)"),
    "a = 'x": (5, "a quote that is never closed (got ')"),
    "a = “x”": (
        5,
        "expected a string, a number, a time, true or false; quotes are \" and ' (got “)",
    ),
    "(a = 1": (7, "expected AND, OR or ) (got the end)"),
    "a = 1)": (6, "expected AND, OR or the end (got ))"),
    "a = 1 && b = 2": (7, "expected AND, OR or the end (got &)"),
    "price:exists": (6, f"expected {COMPARISON} (got :)"),
    "near(p, 1, 2, 5)": (15, "expected a distance in m, km or mi, such as 5km (got 5)"),
    "near(5": (6, "expected a field (got 5)"),
    "5 < a": (6, "expected < or <= (got the end)"),
    "5 > a": (3, "expected < or <= (got >)"),
    "5 < ": (5, "expected a field or count(field) (got the end)"),
    "a IN (1 2)": (9, "expected a comma or ) (got 2)"),
    "a IN 1": (6, "expected ( (got 1)"),
    "a IN (2025-06-01)": (
        7,
        "expected a string, a number, true or false (got 2025-06-01)",
    ),
    "a NOT": (6, "expected IN or EXISTS (got the end)"),
    "a IS 5": (6, "expected NOT or NULL (got 5)"),
    "a MATCHES 5": (11, "expected a string (got 5)"),
    "in = 5": (
        1,
        "expected a condition, such as price < 20; a key that is a word of the grammar stands in "
        "double quotes (got in)",
    ),
    "id > 5": (
        4,
        "expected =, !=, IN or NOT; ID is the item's own id; a payload key of that name stands in "
        "double quotes (got >)",
    ),
    "'a' = 5": (
        1,
        "expected a condition, such as price < 20; a key stands in double quotes (got 'a')",
    ),
    "HAS 3": (5, "expected the name of a vector space (got 3)"),
    "ANY a (b = 1)": (7, "expected WITH (got ()"),
    "AT LEAST two": (10, "expected a number (got two)"),
    "AT LEAST 2 (a": (12, "expected OF (got ()"),
    'a = "\\q"': (6, "no such escape (got \\q)"),
    'a = "\\ud800"': (5, 'holds half of a surrogate pair (got "\\ud800")'),
    "🔑 = " + "x" * 99: (1, "expected a condition, such as price < 20 (got 🔑)"),
    "é = " + "x" * 99: (
        5,
        "expected a string, a number, a time, true or false; text stands in quotes (got "
        + "x" * 63
        + "…)",
    ),
}


@pytest.mark.parametrize("expression", SYNTAX)
def test_what_can_not_be_read(expression: str) -> None:
    character, message = SYNTAX[expression]
    assert refused(expression) == [
        ("filter.expression", NO, f"at character {character}: {message}")
    ]


VALUES = {
    "a < 1e400": (5, "NUMBER_NOT_FINITE"),
    "a = 1e400": (5, "NUMBER_NOT_FINITE"),
    "a IN (1, -1e999)": (10, "NUMBER_NOT_FINITE"),
    "near(p, 0, 0, 1e999km)": (15, "NUMBER_NOT_FINITE"),
    "a > 9007199254740993": (5, "NUMBER_NOT_EXACT"),
    "a NOT IN (1, 9007199254740993)": (14, "NUMBER_NOT_EXACT"),
    "t > 2025-02-30": (5, "FILTER_DATETIME"),
    "t BETWEEN 2025-06-01 AND 2025-06-01T12:00": (26, "FILTER_DATETIME"),
    "t = 0001-01-01T00:00:00+00:01": (5, "FILTER_DATETIME"),
    "t > 2025-6-1": (5, "FILTER_DATETIME"),
    "t BETWEEN 5 AND 2025-06-01": (17, "FILTER_TYPE"),
    "near(p, 91, 0, 5km)": (9, "FILTER_GEO"),
    "near(p, 0, -181, 5km)": (12, "FILTER_GEO"),
    "near(p, 0, 0, 0m)": (15, "FILTER_GEO"),
    "box(p, 5, 0, 4, 1)": (14, "FILTER_GEO"),
    "count(a) > 1.5": (12, "LIMIT_INVALID"),
    "count(a) = 'x'": (12, "LIMIT_INVALID"),
    "count(a) >= -1": (13, "LIMIT_INVALID"),
    "count(a) < 3000000000": (12, "LIMIT_INVALID"),
    "AT LEAST 0 OF (a = 1)": (10, "LIMIT_INVALID"),
    "AT LEAST 3 OF (a = 1, b = 1)": (10, "LIMIT_INVALID"),
    "a = 1 OR _triptych.x = 1": (10, "PAYLOAD_RESERVED_KEY"),
    '"a\\"b" = 1': (1, "FILTER_FIELD_INVALID"),
    '"" EXISTS': (1, "FILTER_FIELD_INVALID"),
    "HAS ''": (5, "FIELD_REQUIRED"),
    "a MATCHES ' - '": (11, "FILTER_EMPTY_CONDITION"),
    "ANY l WITH (ID = 'x')": (13, "FIELD_INVALID"),
    "ID IN ('a', '')": (13, "ID_EMPTY"),
}


@pytest.mark.parametrize("expression", VALUES)
def test_wrong_values_are_pointed_at(expression: str) -> None:
    character, reason = VALUES[expression]
    [(field, found, message)] = refused(expression)
    assert (field, found) == ("filter.expression", reason)
    assert message.startswith(f"at character {character}: "), message


BOMBS = {
    "parentheses": "(" * 60 + "a = 1" + ")" * 60,
    "parentheses within reason": "(" * 17 + "a = 1" + ")" * 17,
    "open ones": "(" * 60_000,
    "closed ones": ")" * 60_000,
    "nots": "NOT " * 16_000 + "a = 1",
    "nots within reason": "NOT " * 20 + "a = 1",
    "nots of parentheses": "NOT (" * 12_000,
    "nots of chosen ones": "NOT AT LEAST 1 OF (" * 3_000,
    "lists in lists": "ANY a WITH (" * 5_000,
    "conditions": "a=1 AND " * 8_000 + "a=1",
    "conditions within reason": "a = 1 OR " * 256 + "a = 1",
    "alternatives": "AT LEAST 1 OF (" + "a=1," * 10_000 + "a=1)",
    "values": "a IN (" + "1," * 30_000 + "1)",
    "values within reason": "a IN (" + "1," * 4_096 + "1)",
    "a quote": 'a = "' + "x" * 65_000,
    "escapes": 'a = "' + '\\"' * 32_000,
    "quotes": '"' * 65_535,
    "digits": "a = " + "1" * 65_000,
    "zeros": "a = 0." + "0" * 65_000 + "!",
    "keys": "a." * 30_000,
    "quoted keys": '"a".' * 16_000,
    "words": "a " * 30_000,
    "numbers": "1 " * 30_000,
    "a number and blanks": "1" + " " * 60_000 + "x",
    "dates": "1-" * 30_000,
    "blanks": " " * 65_536,
    "functions": "near(" * 13_000,
    "a megabyte": "(" * 2**20,
    "a megabyte of text": "a = '" + "x" * 2**20 + "'",
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused(name: str) -> None:
    [(field, reason, message)] = refused(BOMBS[name])
    assert field in ("filter", "filter.expression")
    assert reason in (
        NO,
        "FILTER_TOO_DEEP",
        "FILTER_TOO_MANY_CONDITIONS",
        "TEXT_TOO_LONG",
        "NUMBER_NOT_FINITE",
    )
    assert len(message) < 300


_PIECES = st.sampled_from(
    [
        *(*sorted(KEYWORDS), "AT LEAST", "near(", "box(", "count(", "(", ")", ",", "=", "<", ">="),
        *("5", "1.5", "2025-06-01", "2025-06-01T12:00:00Z", "5km", '"x"', "'y'"),
        *("a", "b.c", '"d e".f'),
    ]
)
_NOISE = st.lists(_PIECES | st.text(max_size=3), max_size=12).map(" ".join)


@settings(max_examples=300, deadline=None)
@given(_NOISE)
def test_any_text_is_read_or_refused_at_a_character(text: str) -> None:
    for field, _, message in refused(text):
        assert field in ("filter", "filter.expression")
        character = re.match(r"at character ([0-9]+): \S", message)
        assert field == "filter" or character
        assert character is None or 1 <= int(character[1]) <= len(text) + 1
        # Plain words, none of the parser's own names.
        told = message.partition(" (got ")[0]
        assert not re.search(r"_[A-Z]|\$|EQUAL|QUOTED|SINGLE|COMMA|NAME|PATH", told)


def test_all_that_may_follow_has_plain_words() -> None:
    """Whatever the place in an expression: no terminal that may stand there is passed over."""
    states = _parser().parser.parser._parse_table.states.values()
    terminals = {terminal.name for terminal in _parser().terminals} | {"$END"}
    places = {frozenset(terminals & state.keys()) for state in states}
    assert len(places) > 20
    for left in map(set, places):
        for telling, covered, _ in _WORDS:
            if telling <= left:
                left -= telling | covered
        assert not left


@pytest.mark.parametrize(
    "key", ["\u0130N", "\u0130S", "\u0130D", "\u0131N", "EX\u0131\u017fTS", "in"]
)
def test_a_key_that_reads_as_a_word_keeps_its_quotes(key: str) -> None:
    """Without regard to case a dotted capital I is an I, though its own upper case is not."""
    text = f'"{key}" = 1 AND HAS "{key}"'
    assert filter_text(of(text)) == text
