"""What bash gets wrong about the words of a command that is to be completed."""

from collections.abc import MutableMapping

BREAKS = frozenset(":=")


def join_words(environment: MutableMapping[str, str]) -> None:
    """Puts words together again that bash takes apart at `:` and `=`, where it asks to complete.

    To bash `--server 127.0.0.1:50051` is four words, and its script for this command hands them on
    as such: a line each in `COMP_WORDS`, and in `COMP_CWORD` which of them is being typed. What is
    offered stays right, since bash replaces the last of the parts alone, and only what is offered
    for the whole value of an option begins there.
    """
    if environment.get("_TRIPTYCH_COMPLETE") != "complete_bash":
        return
    parts = environment.get("COMP_WORDS", "").split("\n")
    current = int(environment.get("COMP_CWORD", "0"))
    words: list[str] = []
    typed, joins = 0, False
    for index, part in enumerate(parts):
        is_break = bool(part) and set(part) <= BREAKS
        if words and (is_break or joins):
            words[-1] += part
        else:
            words.append(part)
        joins = is_break
        if index == current:
            typed = len(words) - 1
    environment["COMP_WORDS"] = "\n".join(words)
    environment["COMP_CWORD"] = str(typed if current < len(parts) else len(words))
