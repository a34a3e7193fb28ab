"""Which parts of an item come back: ``return_fields`` and ``payload_keys``."""

from __future__ import annotations

from collections.abc import Sequence

from triptych_server.domain.errors import Reason
from triptych_server.domain.queries import FieldSelection
from triptych_server.wire.violations import Violations

_PLAIN = (
    "caption",
    "ocr_text",
    "payload",
    "image_info",
    "ocr",
    "ocr.words",
    "create_time",
    "update_time",
    "vectors",
)
_ONE_VECTOR = "vectors."


def parse_selection(
    return_fields: Sequence[str], payload_keys: Sequence[str], violations: Violations
) -> FieldSelection:
    """The default selection where ``return_fields`` is empty."""
    keys = frozenset(payload_keys)
    if not return_fields:
        return FieldSelection(payload_keys=keys)
    wanted = set()
    names = set()
    for place, field in enumerate(return_fields):
        if field.startswith(_ONE_VECTOR) and field != _ONE_VECTOR:
            names.add(field.removeprefix(_ONE_VECTOR))
        elif field in _PLAIN:
            wanted.add(field)
        else:
            violations.add(
                f"return_fields[{place}]",
                Reason.FIELD_INVALID,
                "is not a field of an item",
                got=field,
                allowed=", ".join((*_PLAIN, "vectors.NAME")),
            )
    return FieldSelection(
        caption="caption" in wanted,
        ocr_text="ocr_text" in wanted,
        payload="payload" in wanted or bool(keys),
        image_info="image_info" in wanted,
        ocr="ocr" in wanted or "ocr.words" in wanted,
        ocr_words="ocr.words" in wanted,
        create_time="create_time" in wanted,
        update_time="update_time" in wanted,
        vectors=None if "vectors" in wanted else frozenset(names),
        payload_keys=keys,
    )
