"""How Tesseract names languages: ``eng``, ``chi_sim``, several joined as ``deu+eng``."""

from __future__ import annotations

import re

_CODE = re.compile(r"[a-z_]{3,16}(\+[a-z_]{3,16}){0,7}")


def is_language_code(text: str) -> bool:
    """Whether ``text`` has the form of a language, so that it can stand on a command line."""
    return _CODE.fullmatch(text) is not None
