"""How the words of a text are told apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triptych_server.domain.words import words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("summer sale", ("summer", "sale")),
        (" SUMMER-Sale!  sale_", ("SUMMER", "Sale", "sale")),
        ("sale, sale", ("sale",)),
        ("12.5 kg", ("12", "5", "kg")),
        ("don't", ("don", "t")),
        ("x² ½", ("x²", "½")),
        ("日本語。テスト", ("日本語", "テスト")),
        ("a\u200db\u00adc", ("a", "b", "c")),
        # Vowel signs are letters to Unicode, and here no mark parts a word.
        ("हिन्दी", ("हिन्दी",)),
        ("e\u0301te", ("e\u0301te",)),
        ("ⓐb 🄰", ("ⓐb", "🄰")),
        ("", ()),
        (" -!_\u0301🔑", ()),
    ],
)
def test_words(text: str, words: tuple[str, ...]) -> None:
    assert words_of(text) == words


@given(st.text())
def test_a_word_is_a_run_that_holds_all_letters_and_digits(text: str) -> None:
    words = words_of(text)
    assert len(set(words)) == len(words)
    assert all(word in text for word in words)
    letters = {letter for letter in text if letter.isalnum()}
    assert letters <= set("".join(words))
    for word in words:
        assert words_of(word) == (word,)
