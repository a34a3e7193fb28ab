"""``Filter.expression`` written out as the message that says the same.

So an expression is checked as any other filter is, and gives the same tree. The paths of what came
from an expression are kept with their characters, so that errors can point there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from triptych.v1 import filter_pb2 as pb
from triptych_server.domain.filter_origins import at
from triptych_server.domain.filters import Origin
from triptych_server.domain.limits import Limits
from triptych_server.wire.expression_grammar import (
    ExpressionError,
    character_of,
    read,
    token_of,
    tree_of,
)
from triptych_server.wire.expression_literals import count_of, text_of
from triptych_server.wire.expression_tests import write_name, write_test
from triptych_server.wire.violations import Violations

if TYPE_CHECKING:
    from lark import Token, Tree

Places = dict[str, Origin]


def expand(
    message: pb.Filter, limits: Limits, violations: Violations, path: str
) -> tuple[pb.Filter, Places]:
    """``message``, at ``path`` of the request, without expressions, and where their parts stood.

    Every expression that can't be read is a violation. ``message`` is nested no deeper than the
    limits allow.
    """
    expanded = pb.Filter()
    places: Places = {}
    _expand(message, expanded, limits, violations, path, places)
    return expanded, places


def _expand(
    message: pb.Filter,
    into: pb.Filter,
    limits: Limits,
    violations: Violations,
    path: str,
    places: Places,
) -> None:
    into.min_should_count = message.min_should_count
    for name, given, made in (
        ("must", message.must, into.must),
        ("should", message.should, into.should),
        ("must_not", message.must_not, into.must_not),
    ):
        for number, condition in enumerate(given):
            copy, here = made.add(), f"{path}.{name}[{number}]"
            kind = condition.WhichOneof("condition")
            if kind == "group":
                copy.group.SetInParent()
                _expand(condition.group, copy.group, limits, violations, f"{here}.group", places)
            elif kind == "elements":
                copy.elements.name = condition.elements.name
                inner, inside = condition.elements.filter, copy.elements.filter
                _expand(inner, inside, limits, violations, f"{here}.elements.filter", places)
            else:
                copy.CopyFrom(condition)
    if message.expression:
        field = f"{path}.expression"
        try:
            tree = read(message.expression, limits)
            _Writer(field, places).join(tree, into, path)
        except ExpressionError as error:
            what = f"{at(error.character)}: {error.what}"
            violations.add(field, error.reason, what, got=error.got, allowed=error.allowed)


class _Writer:
    """Writes the parts of one expression, the one at ``expression`` in the request.

    Each method is given the path of what it fills. Raises ExpressionError for what no message can
    say; what a message can say, and is wrong, is left to those who check messages.
    """

    def __init__(self, expression: str, places: Places) -> None:
        self._expression = expression
        self._places = places

    def join(self, tree: Tree[Token], into: pb.Filter, path: str) -> None:
        """Joins ``tree`` to what the filter ``into`` holds."""
        # A filter has one list of alternatives; where it is taken, others stand in a group.
        if tree.data == "either" and not _has_alternatives(into):
            for alternative in tree.children:
                self._add(tree_of(alternative), into, path, "should")
            return
        for term in map(tree_of, tree.children if tree.data == "both" else [tree]):
            if term.data == "alternatives" and not _has_alternatives(into):
                count, *alternatives = term.children
                into.min_should_count = count_of(token_of(count), 1, len(alternatives))
                for alternative in alternatives:
                    self._add(tree_of(alternative), into, path, "should")
            elif term.data == "negated":
                self._add(tree_of(term.children[-1]), into, path, "must_not")
            elif _is_denial(term):
                self._add(term, into, path, "must_not", undenied=True)
            else:
                self._add(term, into, path, "must")

    def _add(
        self, tree: Tree[Token], into: pb.Filter, path: str, part: str, *, undenied: bool = False
    ) -> None:
        """A condition more; ``undenied`` asks for what a ``!=`` or a ``NOT IN`` of ids denies."""
        conditions = {"must": into.must, "should": into.should, "must_not": into.must_not}[part]
        path = f"{path}.{part}[{len(conditions)}]"
        self._places[path] = Origin(self._expression, tree.meta.start_pos + 1)
        condition = conditions.add()
        match str(tree.data):
            case "group":
                self.join(tree_of(tree.children[0]), condition.group, f"{path}.group")
            case "either" | "both" | "negated" | "alternatives":
                self.join(tree, condition.group, f"{path}.group")
            case _ if _is_denial(tree) and not undenied:
                self.join(tree, condition.group, f"{path}.group")
            case "elements":
                name, inner = tree.children
                elements, path = condition.elements, f"{path}.elements"
                elements.name = write_name(name, f"{path}.name", self._note)
                self.join(tree_of(inner), elements.filter, f"{path}.filter")
            case "id" | "ids":
                for number, token in enumerate(map(token_of, tree.children[1:])):
                    self._note(f"{path}.ids.values[{number}]", token)
                    condition.ids.values.append(text_of(token))
            case "vector":
                name = token_of(tree.children[0])
                self._note(f"{path}.has_vector", name)
                condition.has_vector = str(name) if name.type == "NAME" else text_of(name)
            case _:
                write_test(tree, condition.field, f"{path}.field", self._note)

    def _note(self, path: str, token: Token) -> None:
        self._places[path] = Origin(self._expression, character_of(token))


def _has_alternatives(message: pb.Filter) -> bool:
    return bool(message.should or message.min_should_count)


def _is_denial(tree: Tree[Token]) -> bool:
    """Whether it denies something by ``!=``, or by the ``NOT IN`` of ids: one of fields is a test
    of its own.
    """
    children: Sequence[object] = tree.children
    if tree.data == "ids":
        return children[0] is not None
    place = {"equality": 1, "id": 0}.get(str(tree.data))
    return place is not None and token_of(tree.children[place]).type == "UNEQUAL"
