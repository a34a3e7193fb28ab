"""A long text as overlapping windows of tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from triptych_server.domain.collections import Windows


@dataclass(frozen=True, slots=True)
class Cut:
    """A text's windows in reading order; ``tokens_read`` of its content tokens are in them.

    ``windows_cut`` counts the windows past the maximum, which are not among ``windows``.
    """

    windows: tuple[Sequence[int], ...]
    tokens_read: int
    windows_cut: int


def cut_windows(content: Sequence[int], windows: Windows, capacity: int) -> Cut:
    """Cut content tokens into windows that start every ``tokens - overlap`` tokens.

    Neighbours share exactly ``overlap`` tokens; the last window may be shorter than the others,
    but always holds a token that no other has. A text of at most ``tokens`` tokens, also an empty
    one, is a single window. ``capacity`` is how many content tokens the model reads at once.

    Raises ValueError for windows that cannot be: collections are made with windows that can.
    """
    if not 0 <= windows.overlap < windows.tokens <= capacity or windows.max_windows < 1:
        raise ValueError(f"{windows} cannot be cut for a model that reads {capacity} tokens")
    step = windows.tokens - windows.overlap
    beyond_first = max(0, len(content) - windows.tokens)
    total = 1 + -(-beyond_first // step)
    kept = min(total, windows.max_windows)
    pieces = tuple(content[i * step : i * step + windows.tokens] for i in range(kept))
    read = min(len(content), (kept - 1) * step + windows.tokens)
    return Cut(pieces, read, total - kept)
