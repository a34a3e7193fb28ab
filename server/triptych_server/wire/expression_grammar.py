"""The grammar of ``Filter.expression``, its parser, and its errors in plain words.

The parser is LALR: one pass, no recursion. It is built once, at the first expression.
docs/filters.md tells the grammar to its users.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence, Set
from functools import cache
from typing import TYPE_CHECKING

from triptych_server.domain.errors import Reason
from triptych_server.domain.filter_text import BARE_KEY
from triptych_server.domain.limits import Limits

if TYPE_CHECKING:
    from lark import Lark, Token, Tree

_NUMBER = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_KEY = rf'(?:"[^"\\]*"|{BARE_KEY})'

# Terminals with an underscore are not kept in the tree; rules with a question mark only where they
# have several children. A terminal of a higher number is tried before the others.
GRAMMAR = rf"""
?start: either
?either: both (_OR both)*
?both: term (_AND term)*
?term: NOT term -> negated
     | atom
?atom: _OPEN either _CLOSE -> group
     | _AT_LEAST NUMBER _OF _OPEN either (_COMMA either)* _CLOSE -> alternatives
     | _ANY field _WITH _OPEN either _CLOSE -> elements
     | _ID [NOT] _IN _OPEN string (_COMMA string)* _CLOSE -> ids
     | _ID (EQUAL | UNEQUAL) string -> id
     | _HAS (NAME | string) -> vector
     | _NEAR field _COMMA NUMBER _COMMA NUMBER _COMMA DISTANCE _CLOSE -> near
     | _BOX field _COMMA NUMBER _COMMA NUMBER _COMMA NUMBER _COMMA NUMBER _CLOSE -> box
     | subject (EQUAL | UNEQUAL) (value | TIME) -> equality
     | subject (LESS | GREATER) bound -> bounded
     | subject _BETWEEN bound _AND bound -> between
     | bound LESS subject LESS bound -> chained
     | field [NOT] _IN _OPEN value (_COMMA value)* _CLOSE -> listed
     | field [NOT] _EXISTS -> exists
     | field _IS [NOT] NULL -> is_null
     | field (MATCHES | PHRASE) string -> words
?subject: field | _COUNT field _CLOSE -> count
field: NAME | PATH | QUOTED
?value: string | NUMBER | TRUE | FALSE
?bound: NUMBER | TIME
?string: QUOTED | SINGLE

_AND: "AND"i
_OR: "OR"i
NOT: "NOT"i
_IN: "IN"i
_BETWEEN: "BETWEEN"i
_IS: "IS"i
NULL: "NULL"i
_EXISTS: "EXISTS"i
MATCHES: "MATCHES"i
PHRASE: "PHRASE"i
_HAS: "HAS"i
_ID: "ID"i
_OF: "OF"i
_ANY: "ANY"i
_WITH: "WITH"i
TRUE: "TRUE"i
FALSE: "FALSE"i
_AT_LEAST.3: /at\s+least\b(?!-)/i
_NEAR.3: /near\s*\(/i
_BOX.3: /box\s*\(/i
_COUNT.3: /count\s*\(/i

_OPEN: "("
_CLOSE: ")"
_COMMA: ","
UNEQUAL.2: /!=|<>/
EQUAL: /==?/
LESS: /<=?/
GREATER: />=?/

DISTANCE.4: /{_NUMBER}\s*(?:km|mi|m)(?![\w-])/i
TIME.3: /[0-9]+-[0-9][\w:.+-]*/
NUMBER: /{_NUMBER}/
PATH.2: /{_KEY}(?:\.(?:"[^"\\]*"|[\w-]+))+/
NAME: /{BARE_KEY}/i
QUOTED: /"(?:[^"\\]|\\.)*"/s
SINGLE: /'(?:[^'\\]|\\.)*'/s
%ignore /\s+/
"""

FIELD = frozenset({"NAME", "PATH", "QUOTED"})
STRING = frozenset({"QUOTED", "SINGLE"})
# What may stand in a place, in plain words. The first that fits a set of terminals takes them all.
_WORDS: tuple[tuple[frozenset[str], frozenset[str], str], ...] = (
    # terminals that tell it, terminals that it covers beside them, words
    (
        frozenset({"_HAS", "NAME"}),
        FIELD
        | {"NOT", "_OPEN", "_AT_LEAST", "_ANY", "_ID", "_NEAR", "_BOX", "_COUNT"}
        | {"NUMBER", "TIME"},
        "a condition, such as price < 20",
    ),
    (FIELD | {"_COUNT"}, frozenset(), "a field or count(field)"),
    (FIELD, frozenset(), "a field"),
    (STRING | {"NAME"}, frozenset(), "the name of a vector space"),
    (STRING, frozenset(), "a string"),
    (frozenset({"EQUAL", "LESS"}), frozenset({"UNEQUAL", "GREATER"}), "a comparison"),
    (frozenset({"EQUAL"}), frozenset(), "="),
    (frozenset({"UNEQUAL"}), frozenset(), "!="),
    (frozenset({"LESS"}), frozenset(), "< or <="),
    (frozenset({"NUMBER"}), frozenset(), "a number"),
    (frozenset({"TIME"}), frozenset(), "a time"),
    (frozenset({"DISTANCE"}), frozenset(), "a distance in m, km or mi, such as 5km"),
    (frozenset({"_COMMA"}), frozenset(), "a comma"),
    *(
        (frozenset({terminal}), frozenset(), terminal.removeprefix("_"))
        for terminal in ("_AND", "_OR", "_IN", "_BETWEEN", "_IS", "NOT", "NULL", "_EXISTS")
    ),
    *(
        (frozenset({terminal}), frozenset(), terminal.removeprefix("_"))
        for terminal in ("MATCHES", "PHRASE", "_OF", "_WITH")
    ),
    (frozenset({"_OPEN"}), frozenset(), "("),
    (frozenset({"_CLOSE"}), frozenset(), ")"),
    (frozenset({"TRUE"}), frozenset(), "true"),
    (frozenset({"FALSE"}), frozenset(), "false"),
    (frozenset({"$END"}), frozenset(), "the end"),
)


class ExpressionError(Exception):
    """What is wrong at one character, counted from 1; the words fit ``errors.violation``."""

    def __init__(
        self,
        reason: Reason,
        character: int,
        what: str,
        *,
        got: object = None,
        allowed: object = None,
    ) -> None:
        super().__init__(what)
        self.reason = reason
        self.character = character
        self.what = what
        self.got = got
        self.allowed = allowed


def read(text: str, limits: Limits) -> Tree[Token]:
    """The tree of an expression, its tokens with their places.

    Raises ExpressionError. What is far beyond the limits is refused where it passes them, so that
    no tree is nested deeper than about twice ``max_filter_depth``; what is a little beyond is not.
    """
    from lark import UnexpectedCharacters, UnexpectedToken

    parser = _parser().parse_interactive(text)
    guard = _Guard(limits)
    seen: list[Token] = []
    try:
        for token in parser.iter_parse():
            guard.check(token)
            seen.append(token)
        tree: Tree[Token] = parser.feed_eof()
    except UnexpectedToken as error:
        if error.token.type == "$END":
            seen.append(error.token)
        raise _unexpected(seen, _accepted_after(seen[:-1]), len(text)) from None
    except UnexpectedCharacters as error:
        place = int(error.pos_in_stream or 0)
        what = f"expected {_expected(parser.accepts())}"
        if text[place] in "\"'":
            what = "a quote that is never closed"
        elif unicodedata.category(text[place]) in ("Pi", "Pf", "Ps"):
            what += "; quotes are \" and '"
        raise ExpressionError(
            Reason.FILTER_EXPRESSION_INVALID, place + 1, what, got=text[place]
        ) from None
    return tree


def _accepted_after(tokens: Sequence[Token]) -> Set[str]:
    """What may follow them. The parser that met an error has rounded off what came before it."""
    parser = _parser().parse_interactive("")
    for token in tokens:
        parser.feed_token(token)
    return frozenset(parser.accepts())


@cache
def _parser() -> Lark:
    from lark import Lark

    return Lark(GRAMMAR, parser="lalr", lexer="basic", propagate_positions=True)


class _Guard:
    """Counts tokens as they come, and stops at what no filter within the limits needs."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._joins = self._commas = 0
        # The count of NOT before each parenthesis that is open, and of those since.
        self._open: list[int] = []
        self._depth = self._nots = 0

    def check(self, token: Token) -> None:
        limits, kind = self._limits, token.type
        if kind == "NOT":
            self._nots += 1
        elif kind in ("_OPEN", "_NEAR", "_BOX", "_COUNT"):
            self._open.append(self._nots)
            self._depth += 1 + self._nots
            self._nots = 0
        elif kind == "_CLOSE":
            self._depth -= 1 + self._open.pop() if self._open else 0
        else:
            self._nots = 0
        # A filter inside a filter takes two at most: AT LEAST 1 OF ((..)), NOT (..); and an
        # innermost one two more.
        if self._depth + self._nots > 2 * limits.max_filter_depth + 2:
            raise self._refused(
                Reason.FILTER_TOO_DEEP,
                token,
                "is nested too deep",
                f"{limits.max_filter_depth} levels",
            )
        # Each condition takes at most two: one that joins it, and the AND of its BETWEEN.
        self._joins += kind in ("_AND", "_OR")
        if self._joins > 2 * limits.max_filter_conditions:
            raise self._refused(
                Reason.FILTER_TOO_MANY_CONDITIONS,
                token,
                "too many conditions",
                limits.max_filter_conditions,
            )
        # Between values; and each condition is an alternative or has at most four inside.
        self._commas += kind == "_COMMA"
        if self._commas > limits.max_filter_values + 5 * limits.max_filter_conditions:
            raise self._refused(
                Reason.FILTER_TOO_MANY_CONDITIONS,
                token,
                "too many values",
                limits.max_filter_values,
            )

    def _refused(self, reason: Reason, token: Token, what: str, most: object) -> ExpressionError:
        return ExpressionError(reason, character_of(token), what, allowed=most)


def character_of(token: Token) -> int:
    """Where the token begins, counted from 1."""
    assert token.start_pos is not None  # all of ours come from a text
    return token.start_pos + 1


def token_of(part: Token | Tree[Token]) -> Token:
    """The part of a tree that the grammar says is a token."""
    assert isinstance(part, str), part
    return part


def tree_of(part: Token | Tree[Token]) -> Tree[Token]:
    """The part of a tree that the grammar says is a tree."""
    assert not isinstance(part, str), part
    return part


def _unexpected(seen: Sequence[Token], accepted: Set[str], length: int) -> ExpressionError:
    """The last of the tokens does not follow those before it."""
    token, before = seen[-1], seen[-2] if len(seen) > 1 else None
    is_end = token.type == "$END"
    hint = _hint(token, before, accepted)
    return ExpressionError(
        Reason.FILTER_EXPRESSION_INVALID,
        length + 1 if is_end else character_of(token),
        f"expected {_expected(accepted)}" + (f"; {hint}" if hint else ""),
        got="the end" if is_end else str(token),
    )


def _hint(token: Token, before: Token | None, accepted: Set[str]) -> str:
    kind = token.type
    if before is not None and before.type == "_ID":
        return "ID is the item's own id; a payload key of that name stands in double quotes"
    if kind in ("NAME", "PATH"):
        follows = before is not None and before.end_pos == token.start_pos
        return "text stands in quotes" if accepted >= STRING or follows else ""
    if kind == "NULL" and accepted >= STRING:
        return "nulls are found by IS NULL"
    if kind in STRING and "TIME" in accepted and not accepted >= FIELD:
        return "numbers and times stand without quotes"
    if kind == "SINGLE" and accepted >= FIELD:
        return "a key stands in double quotes"
    if accepted >= FIELD and kind.strip("_").isalpha() and str(token).isalpha():
        return "a key that is a word of the grammar stands in double quotes"
    return ""


def _expected(accepted: Set[str]) -> str:
    """The terminals in plain words: ``a comma or )``."""
    words = list(_in_words(accepted))
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _in_words(accepted: Set[str]) -> Iterator[str]:
    left = set(accepted)
    for telling, covered, words in _WORDS:
        if telling <= left:
            left -= telling | covered
            yield words
