"""Bad filters that are written as expressions."""

from __future__ import annotations

from tests.support.bad_input.build import FP, IA, ID, STRICT, Row, search
from triptych.v1.filter_pb2 import Condition, ElementsCondition, Filter
from triptych.v1.item_service_pb2 import CountItemsRequest, DeleteItemsRequest, ListItemsRequest

EXPRESSION = "filter.expression"
NO = "FILTER_EXPRESSION_INVALID"


def line(expression: str, reason: str = NO, field: str = EXPRESSION) -> Row:
    return Row(search(filter=Filter(expression=expression)), IA, reason, field)


UNREADABLE = Filter(expression="category = poster")

ROWS: dict[str, Row] = {
    "an expression of blanks": line(" \n"),
    "a bare word": line("category = poster"),
    "a comparison without a value": line("price <"),
    "an open parenthesis": line("(price < 5"),
    "an open quote": line("note = 'x"),
    "a NUL in an expression": line("price\0 < 5"),
    "60 parentheses": line("(" * 60 + "price < 5" + ")" * 60, "FILTER_TOO_DEEP"),
    "17 parentheses": line("(" * 17 + "price < 5" + ")" * 17, "FILTER_TOO_DEEP", "filter"),
    "10,000 NOTs": line("NOT " * 10_000 + "price < 5", "FILTER_TOO_DEEP"),
    "8,000 conditions in a line": line(" OR ".join(["a=1"] * 8_000), "FILTER_TOO_MANY_CONDITIONS"),
    "257 conditions in a line": line(
        " AND ".join(["a=1"] * 257), "FILTER_TOO_MANY_CONDITIONS", "filter"
    ),
    "4097 values in a line": line(
        f"a IN ({','.join(['1'] * 4097)})", "FILTER_TOO_MANY_CONDITIONS", "filter"
    ),
    "a megabyte of parentheses": line("(" * 2**20, "TEXT_TOO_LONG"),
    "2^53 in a line": line("count = 9007199254740992", "NUMBER_NOT_EXACT"),
    "2^53 + 1 in a line": line("price > 9007199254740993", "NUMBER_NOT_EXACT"),
    "1e400 in a line": line("price = 1e400", "NUMBER_NOT_FINITE"),
    "no such day in a line": line("taken > 2025-02-30", "FILTER_DATETIME"),
    "a time without an offset in a line": line("taken > 2025-06-01T12:00:00", "FILTER_DATETIME"),
    "a time and a number in a line": line("taken BETWEEN 1 AND 2025-06-01", "FILTER_TYPE"),
    "no UUID in a line": line("serial = 'x'", "FILTER_TYPE"),
    "no UUID in a list in a line": line("serial NOT IN ('x')", "FILTER_TYPE"),
    "beyond the pole in a line": line("near(spot, 91, 0, 1km)", "FILTER_GEO"),
    "a reserved key in a line": line("_triptych.id = 'a'", "PAYLOAD_RESERVED_KEY"),
    "a key with a backslash in a line": line('"a\\\\b" = 1', "FILTER_FIELD_INVALID"),
    "an empty id in a line": line("ID = ''", "ID_EMPTY"),
    "no word in a line": line("note MATCHES '-'", "FILTER_EMPTY_CONDITION"),
    "3 of 2 in a line": line("AT LEAST 3 OF (price < 5, price > 6)", "LIMIT_INVALID"),
    "half a pair in a line": line(r"note = '\ud800'"),
    "ids in elements in a line": line("ANY lines WITH (ID = 'a')", "FIELD_INVALID"),
    "has a vector nobody has, in a line": Row(
        search(filter=Filter(expression="HAS looks")),
        FP,
        "VECTOR_NAME_UNKNOWN",
        "filter.expression",
    ),
    "what no index serves, in a line": Row(
        search(collection_id=STRICT, filter=Filter(expression="colour = 'red'")),
        FP,
        "FILTER_FIELD_UNINDEXED",
        "filter.expression",
    ),
    "an expression in a group": Row(
        search(filter=Filter(should=[Condition(group=UNREADABLE)])),
        IA,
        NO,
        "filter.should[0].group.expression",
    ),
    "an empty expression in a group": Row(
        search(filter=Filter(should=[Condition(group=Filter(expression=""))])),
        IA,
        "FILTER_EMPTY_CONDITION",
        "filter.should[0].group",
    ),
    "an expression in elements": Row(
        search(
            filter=Filter(
                must=[Condition(elements=ElementsCondition(name="lines", filter=UNREADABLE))]
            )
        ),
        IA,
        NO,
        "filter.must[0].elements.filter.expression",
    ),
    **{
        f"an expression of {type(request).__name__}": Row(request, IA, NO, EXPRESSION)
        for request in (
            ListItemsRequest(collection_id=ID, filter=UNREADABLE),
            CountItemsRequest(collection_id=ID, filter=UNREADABLE),
            DeleteItemsRequest(collection_id=ID, filter=UNREADABLE),
        )
    },
    "deletes by an empty expression": Row(
        DeleteItemsRequest(collection_id=ID, filter=Filter(expression="")),
        IA,
        "DELETE_NEEDS_FILTER",
        "filter",
    ),
    "deletes by an expression of blanks": Row(
        DeleteItemsRequest(collection_id=ID, filter=Filter(expression="  ")), IA, NO, EXPRESSION
    ),
}
