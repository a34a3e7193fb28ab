"""Bad filters."""

from __future__ import annotations

from google.protobuf.struct_pb2 import Value
from google.protobuf.timestamp_pb2 import Timestamp

from tests.support.bad_input.build import (
    FP,
    IA,
    ID,
    INFINITY,
    NAN,
    STRICT,
    Row,
    about,
    any_of,
    at,
    by,
    deep,
    field,
    search,
    where,
)
from triptych.v1.filter_pb2 import (
    Condition,
    CountRange,
    ElementsCondition,
    FieldCondition,
    Filter,
    GeoBox,
    GeoRadius,
    IdList,
    NumberRange,
    TimeRange,
    ValueList,
)
from triptych.v1.item_service_pb2 import CountItemsRequest, DeleteItemsRequest, ListItemsRequest

MUST = "filter.must[0]"
FIELD = f"{MUST}.field"
EMPTY = "FILTER_EMPTY_CONDITION"
ITEM_CONDITIONS = {
    "ids": Condition(ids=IdList(values=["a"])),
    "vector": Condition(has_vector="ocr"),
}


def inside(*conditions: Condition) -> Condition:
    """The conditions on the elements of a list."""
    return Condition(elements=ElementsCondition(name="lines", filter=Filter(must=conditions)))


ROWS: dict[str, Row] = {
    # Filters
    "condition of nothing": Row(
        search(filter=Filter(must=[Condition()])), IA, "FILTER_EMPTY_CONDITION", "filter.must[0]"
    ),
    "field without a test": Row(
        search(filter=where(field())), IA, "FILTER_EMPTY_CONDITION", "filter.must[0].field"
    ),
    "field without a name": Row(
        search(filter=where(field("", exists=True))),
        IA,
        "FILTER_FIELD_INVALID",
        "filter.must[0].field.name",
    ),
    "field with an unclosed quote": Row(
        search(filter=where(field('"a.b', exists=True))),
        IA,
        "FILTER_FIELD_INVALID",
        "filter.must[0].field.name",
    ),
    "field of our own": Row(
        search(filter=where(field("_triptych.id", exists=True))),
        IA,
        "PAYLOAD_RESERVED_KEY",
        "filter.must[0].field.name",
    ),
    "equals null": Row(
        search(filter=where(field(equals=None))), IA, "FILTER_TYPE", "filter.must[0].field.equals"
    ),
    "equals a list": Row(
        search(filter=where(field(equals=[]))), IA, "FILTER_TYPE", "filter.must[0].field.equals"
    ),
    "equals a struct": Row(
        search(filter=where(field(equals={}))), IA, "FILTER_TYPE", "filter.must[0].field.equals"
    ),
    "equals NaN": Row(
        search(filter=where(field(equals=NAN))),
        IA,
        "NUMBER_NOT_FINITE",
        "filter.must[0].field.equals",
    ),
    "equals 2^53": Row(
        search(filter=where(field("count", equals=2.0**53))),
        IA,
        "NUMBER_NOT_EXACT",
        "filter.must[0].field.equals",
    ),
    "any of nothing": Row(
        search(filter=where(field(any_of=ValueList()))),
        IA,
        "FILTER_EMPTY_CONDITION",
        "filter.must[0].field.any_of.values",
    ),
    "any of a null": Row(
        search(filter=where(field(any_of=any_of("a", None)))),
        IA,
        "FILTER_TYPE",
        "filter.must[0].field.any_of.values[1]",
    ),
    "range without a bound": Row(
        search(filter=where(field(number_range=NumberRange()))),
        IA,
        "FILTER_EMPTY_CONDITION",
        "filter.must[0].field.number_range",
    ),
    "range from NaN": Row(
        search(filter=where(field(number_range=NumberRange(gt=NAN)))),
        IA,
        "NUMBER_NOT_FINITE",
        "filter.must[0].field.number_range.gt",
    ),
    "range with two lower bounds": Row(
        search(filter=where(field(number_range=NumberRange(gt=1, gte=2)))),
        IA,
        "FILTER_TYPE",
        "filter.must[0].field.number_range",
    ),
    "10,000 conditions": Row(
        search(filter=where(*[field(exists=True)] * 10_000)),
        IA,
        "FILTER_TOO_MANY_CONDITIONS",
        "filter",
    ),
    "10,000 conditions in groups": Row(
        search(
            filter=Filter(
                must=[Condition(group=where(*[field(exists=True)] * 100)) for _ in range(100)]
            )
        ),
        IA,
        "FILTER_TOO_MANY_CONDITIONS",
        "filter",
    ),
    "5,000 values": Row(
        search(
            filter=where(
                field("a", any_of=any_of(*range(2500))), field("a", none_of=any_of(*range(2500)))
            )
        ),
        IA,
        "FILTER_TOO_MANY_CONDITIONS",
        "filter",
    ),
    "5,000 ids": Row(
        about(ids=IdList(values=[str(n) for n in range(5000)])),
        IA,
        "FILTER_TOO_MANY_CONDITIONS",
        "filter",
    ),
    "17 filters inside one another": Row(deep(17), IA, "FILTER_TOO_DEEP", "filter"),
    "17 lists inside one another": Row(deep(17, lists=True), IA, "FILTER_TOO_DEEP", "filter"),
    "45 filters inside one another": Row(deep(45), IA, "FILTER_TOO_DEEP", "filter"),
    # Deeper than a protobuf message can be.
    "60 filters inside one another": Row(deep(60), IA, "REQUEST_MALFORMED"),
    # Groups, elements, items
    "group of nothing": Row(about(group=Filter()), IA, EMPTY, f"{MUST}.group"),
    "delete by a group of nothing": Row(
        DeleteItemsRequest(collection_id=ID, filter=Filter(must_not=[Condition(group=Filter())])),
        IA,
        EMPTY,
        "filter.must_not[0].group",
    ),
    "wrong inside a group": Row(
        about(group=Filter(should=[Condition(group=where(field()))])),
        IA,
        EMPTY,
        f"{MUST}.group.should[0].group.must[0].field",
    ),
    "elements of nothing": Row(
        about(elements=ElementsCondition(name="lines")), IA, EMPTY, f"{MUST}.elements.filter"
    ),
    "elements of no list": Row(
        about(elements=ElementsCondition(filter=where(field(exists=True)))),
        IA,
        "FILTER_FIELD_INVALID",
        f"{MUST}.elements.name",
    ),
    "elements of our own": Row(
        about(elements=ElementsCondition(name="_triptych.ocr", filter=where(field(exists=True)))),
        IA,
        "PAYLOAD_RESERVED_KEY",
        f"{MUST}.elements.name",
    ),
    **{
        f"{name} among elements": Row(
            search(filter=Filter(must=[inside(Condition(group=Filter(should=[condition])))])),
            IA,
            "FIELD_INVALID",
            f"{MUST}.elements.filter.must[0].group.should[0].{condition.WhichOneof('condition')}",
        )
        for name, condition in ITEM_CONDITIONS.items()
    },
    "2^53 among elements": Row(
        search(filter=Filter(must=[inside(Condition(field=field("price", equals=2.0**53)))])),
        IA,
        "NUMBER_NOT_EXACT",
        f"{MUST}.elements.filter.must[0].field.equals",
    ),
    "one of no ids": Row(about(ids=IdList()), IA, EMPTY, f"{MUST}.ids.values"),
    "one of an empty id": Row(
        about(ids=IdList(values=["a", ""])), IA, "ID_EMPTY", f"{MUST}.ids.values[1]"
    ),
    "one of a long id": Row(
        about(ids=IdList(values=["x" * 513])), IA, "ID_TOO_LONG", f"{MUST}.ids.values[0]"
    ),
    "has no vector in particular": Row(
        about(has_vector=""), IA, "FIELD_REQUIRED", f"{MUST}.has_vector"
    ),
    "has a vector nobody has": Row(
        about(has_vector="looks"), FP, "VECTOR_NAME_UNKNOWN", f"{MUST}.has_vector"
    ),
    "has a vector nobody has, in a group": Row(
        about(group=Filter(must_not=[Condition(has_vector="looks")])),
        FP,
        "VECTOR_NAME_UNKNOWN",
        f"{MUST}.group.must_not[0].has_vector",
    ),
    **{
        f"{count} of {size} conditions": Row(
            search(
                filter=Filter(
                    should=[Condition(field=field(exists=True))] * size, min_should_count=count
                )
            ),
            IA,
            "LIMIT_INVALID",
            "filter.min_should_count",
        )
        for count, size in ((-1, 2), (3, 2), (1, 0))
    },
    # Names
    **{
        f"field named {name!r}": Row(
            by(name, exists=True), IA, "FILTER_FIELD_INVALID", f"{FIELD}.name"
        )
        for name in ("a..b", ".a", "a.", "a b", "a\nb", "a[0]", '"a', '""', "x\x00" * 3000)
    },
    "field of our own, in quotes": Row(
        by('"_triptych".id', exists=True), IA, "PAYLOAD_RESERVED_KEY", f"{FIELD}.name"
    ),
    "elements of a list with an unclosed quote": Row(
        about(elements=ElementsCondition(name='"a', filter=where(field(exists=True)))),
        IA,
        "FILTER_FIELD_INVALID",
        f"{MUST}.elements.name",
    ),
    "one of an id with a newline": Row(
        about(ids=IdList(values=["a\nb"])), IA, "ID_INVALID", f"{MUST}.ids.values[0]"
    ),
    "has a vector with a newline": Row(
        about(has_vector="a\nb"), FP, "VECTOR_NAME_UNKNOWN", f"{MUST}.has_vector"
    ),
    # Values
    "equals nothing at all": Row(
        search(filter=Filter(must=[Condition(field=FieldCondition(name="price", equals=Value()))])),
        IA,
        "FILTER_TYPE",
        f"{FIELD}.equals",
    ),
    "any of infinity": Row(
        by(any_of=any_of(1, INFINITY)), IA, "NUMBER_NOT_FINITE", f"{FIELD}.any_of.values[1]"
    ),
    "any of 2^53": Row(
        by("count", any_of=any_of(2.0**60)), IA, "NUMBER_NOT_EXACT", f"{FIELD}.any_of.values[0]"
    ),
    **{
        f"range with {bound} infinite": Row(
            by(number_range=NumberRange(**{bound: number})),
            IA,
            "NUMBER_NOT_FINITE",
            f"{FIELD}.number_range.{bound}",
        )
        for bound, number in (("gte", -INFINITY), ("lt", INFINITY), ("lte", NAN))
    },
    "range with two upper bounds": Row(
        by(number_range=NumberRange(lt=1, lte=2)), IA, "FILTER_TYPE", f"{FIELD}.number_range"
    ),
    # None of
    "none of nothing": Row(by(none_of=ValueList()), IA, EMPTY, f"{FIELD}.none_of.values"),
    "none of a null": Row(
        by(none_of=any_of("a", None)), IA, "FILTER_TYPE", f"{FIELD}.none_of.values[1]"
    ),
    "none of 2^53": Row(
        by("count", none_of=any_of(1, 2.0**53)),
        IA,
        "NUMBER_NOT_EXACT",
        f"{FIELD}.none_of.values[1]",
    ),
    "a UUID in another form": Row(
        by("serial", equals="550E8400-E29B-41D4-A716-446655440000"),
        IA,
        "FILTER_TYPE",
        f"{FIELD}.equals",
    ),
    "one of no UUIDs": Row(
        by("serial", any_of=any_of("x")), IA, "FILTER_TYPE", f"{FIELD}.any_of.values[0]"
    ),
    # Texts
    **{
        f"{kind} of no word": Row(by(**{kind: text}), IA, EMPTY, f"{FIELD}.{kind}")
        for kind, text in (("text_match", ""), ("phrase", " - !"))
    },
    "words beyond measure": Row(by(text_match="sale " * 250), IA, "TEXT_TOO_LONG", "filter"),
    # Counts
    "count in no range": Row(by(value_count=CountRange()), IA, EMPTY, f"{FIELD}.value_count"),
    "count below zero": Row(
        by(value_count=CountRange(gte=-1)), IA, "LIMIT_INVALID", f"{FIELD}.value_count.gte"
    ),
    "count with two upper bounds": Row(
        by(value_count=CountRange(lt=1, lte=2)), IA, "FILTER_TYPE", f"{FIELD}.value_count"
    ),
    **{
        f"count with {bound} below zero": Row(
            by(value_count=CountRange(**{bound: -3})),
            IA,
            "LIMIT_INVALID",
            f"{FIELD}.value_count.{bound}",
        )
        for bound in ("gt", "lt", "lte")
    },
    # Times
    "time after its own second": Row(
        by(time_range=TimeRange(lte=Timestamp(nanos=1_000_000_000))),
        IA,
        "FILTER_DATETIME",
        f"{FIELD}.time_range.lte",
    ),
    "time with two upper bounds": Row(
        by(time_range=TimeRange(lt=Timestamp(), lte=Timestamp())),
        IA,
        "FILTER_TYPE",
        f"{FIELD}.time_range",
    ),
    "time in no range": Row(by(time_range=TimeRange()), IA, EMPTY, f"{FIELD}.time_range"),
    "time in year 10,000": Row(
        by(time_range=TimeRange(lt=Timestamp(seconds=253_402_300_800))),
        IA,
        "FILTER_DATETIME",
        f"{FIELD}.time_range.lt",
    ),
    "time in year 0": Row(
        by(time_range=TimeRange(gte=Timestamp(seconds=-62_135_596_801))),
        IA,
        "FILTER_DATETIME",
        f"{FIELD}.time_range.gte",
    ),
    "time before its own second": Row(
        by(time_range=TimeRange(gt=Timestamp(nanos=-1))),
        IA,
        "FILTER_DATETIME",
        f"{FIELD}.time_range.gt",
    ),
    "time with two lower bounds": Row(
        by(time_range=TimeRange(gt=Timestamp(), gte=Timestamp())),
        IA,
        "FILTER_TYPE",
        f"{FIELD}.time_range",
    ),
    # Places
    "circle around nothing": Row(
        by(geo_radius=GeoRadius(radius_m=5)),
        IA,
        "FIELD_REQUIRED",
        f"{FIELD}.geo_radius.center.lat",
    ),
    "circle around half a place": Row(
        by(geo_radius=GeoRadius(center=at(52.5, None), radius_m=5)),
        IA,
        "FIELD_REQUIRED",
        f"{FIELD}.geo_radius.center.lon",
    ),
    "circle beyond the pole": Row(
        by(geo_radius=GeoRadius(center=at(91, 0), radius_m=5)),
        IA,
        "FILTER_GEO",
        f"{FIELD}.geo_radius.center.lat",
    ),
    "circle around NaN": Row(
        by(geo_radius=GeoRadius(center=at(0, NAN), radius_m=5)),
        IA,
        "NUMBER_NOT_FINITE",
        f"{FIELD}.geo_radius.center.lon",
    ),
    **{
        f"circle of {radius} m": Row(
            by(geo_radius=GeoRadius(center=at(0, 0), radius_m=radius)),
            IA,
            reason,
            f"{FIELD}.geo_radius.radius_m",
        )
        for radius, reason in (
            (0, "FILTER_GEO"),
            (-1, "FILTER_GEO"),
            (INFINITY, "NUMBER_NOT_FINITE"),
        )
    },
    "box to the east of the world": Row(
        by(geo_box=GeoBox(south_west=at(0, 0), north_east=at(1, 180.5))),
        IA,
        "FILTER_GEO",
        f"{FIELD}.geo_box.north_east.lon",
    ),
    "box upside down": Row(
        by(geo_box=GeoBox(south_west=at(1, 0), north_east=at(0, 1))),
        IA,
        "FILTER_GEO",
        f"{FIELD}.geo_box.north_east.lat",
    ),
    "box with one corner": Row(
        by(geo_box=GeoBox(south_west=at(1, 0))),
        IA,
        "FIELD_REQUIRED",
        f"{FIELD}.geo_box.north_east.lat",
    ),
    "box from NaN": Row(
        by(geo_box=GeoBox(south_west=at(NAN, 0), north_east=at(1, 1))),
        IA,
        "NUMBER_NOT_FINITE",
        f"{FIELD}.geo_box.south_west.lat",
    ),
    "a phrase beyond measure": Row(by(phrase="sale " * 250), IA, "TEXT_TOO_LONG", "filter"),
    # A collection that refuses what no index serves
    **{
        f"unindexed in {name}": Row(request, FP, "FILTER_FIELD_UNINDEXED", path)
        for name, request, path in (
            (
                "a search",
                search(collection_id=STRICT, filter=where(field("colour", equals="red"))),
                FIELD,
            ),
            (
                "a list",
                ListItemsRequest(
                    collection_id=STRICT, filter=where(field("price", equals="cheap"))
                ),
                FIELD,
            ),
            (
                "a count",
                CountItemsRequest(
                    collection_id=STRICT, filter=where(field("price", value_count=CountRange(gt=1)))
                ),
                FIELD,
            ),
            (
                "a deletion",
                DeleteItemsRequest(
                    collection_id=STRICT,
                    filter=Filter(must_not=[inside(Condition(field=field(exists=True)))]),
                ),
                "filter.must_not[0].elements",
            ),
        )
    },
}
