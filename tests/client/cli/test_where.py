"""Filters at the command line: expressions, passed on as they are."""

import pytest
from google.protobuf.json_format import MessageToDict

from triptych.cli.output import CommandError
from triptych.cli.where import filter_options, parse_where


def as_dict(*expressions: str) -> object:
    where = parse_where(expressions)
    assert where is not None
    return MessageToDict(where, preserving_proto_field_name=True)


def test_one_is_passed_on() -> None:
    assert as_dict(" price < 20 ") == {"expression": " price < 20 "}
    assert filter_options(["price < 20"]) == {}


def test_several_are_joined_each_in_a_group() -> None:
    assert as_dict("a = 1 OR b = 2", "größe = 5") == {
        "must": [
            {"group": {"expression": "a = 1 OR b = 2"}},
            {"group": {"expression": "größe = 5"}},
        ]
    }
    assert filter_options(["a = 1", "b = 2"])["filter.must[1]"] == "--where 'b = 2'"


def test_none_is_no_filter() -> None:
    assert parse_where([]) is None


@pytest.mark.parametrize("text", ["", "  ", "\udcff = 1"])
def test_what_can_not_be_sent_is_refused(text: str) -> None:
    with pytest.raises(CommandError, match=r"^--where"):
        parse_where(["a = 1", text])
