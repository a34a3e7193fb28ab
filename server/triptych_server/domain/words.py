"""How the words of a text are told apart.

Qdrant's ``word`` tokenizer takes the runs of characters that Rust calls alphanumeric (Unicode's
Alphabetic or a number), in lower case. Python has no table of Alphabetic, but what is surely none
of it parts words here. So a word of ours is a word of Qdrant's, or holds a few of them: those of a
text in which a mark that is no letter, such as a loose accent, stands inside a word.
"""

from __future__ import annotations

import unicodedata

# Categories of characters that are never alphanumeric: spaces, punctuation, symbols, controls,
# characters of private use. Marks (M) are left: most vowel signs of Indic scripts are letters to
# Unicode. So are unassigned ones (Cn), which a newer table may know as letters.
_PARTING = ("Z", "P", "S", "Cc", "Cf", "Co")
# Letters in circles and squares, which are symbols (So) and yet Alphabetic.
_LETTERS_IN_FRAMES = ((0x24B6, 0x24E9), (0x1F130, 0x1F149), (0x1F150, 0x1F169), (0x1F170, 0x1F189))


def words_of(text: str) -> tuple[str, ...]:
    """The words of ``text`` as they stand in it, each once, in order; empty where it has none."""
    spaced = "".join(" " if _parts(character) else character for character in text)
    return tuple(
        dict.fromkeys(
            word
            for word in spaced.split(" ")
            if any(not unicodedata.category(character).startswith("M") for character in word)
        )
    )


def _parts(character: str) -> bool:
    if not unicodedata.category(character).startswith(_PARTING):
        return False
    number = ord(character)
    return not any(first <= number <= last for first, last in _LETTERS_IN_FRAMES)
