"""Queries as people write them: 3 to 12 plain words."""

from __future__ import annotations

import random

WORDS = tuple(
    dict.fromkeys(
        (
            "a an the of on in with and under over near beside behind at by for from to two three "
            "four red green blue black white yellow orange purple brown gray pink small large old "
            "new young tall short long round empty full open closed wet dry bright dark cup coffee "
            "tea table chair cat dog bird horse cow sheep fish tree forest house boat ship car bus "
            "truck bicycle train plane bread apple lemon banana cake cheese moon sun star rain "
            "snow cloud storm letter word page book clock lamp door window wall roof garden field "
            "river lake sea beach hill mountain road bridge street corner market station school "
            "church castle tower city village man woman child girl boy people crowd family friend "
            "smiling running walking sitting standing sleeping eating drinking reading writing "
            "playing riding driving flying swimming photo picture drawing painting poster sign "
            "logo map menu ticket label box bag bottle glass plate knife fork spoon hat coat shoe "
            "dress shirt ball game music guitar piano drum camera phone computer screen keyboard "
            "morning evening night winter summer autumn spring sunset"
        ).split()
    )
)


def queries(count: int, *, seed: int, words: tuple[int, int] = (3, 12)) -> list[str]:
    """``count`` different texts of ``words`` (fewest, most) words."""
    rng = random.Random(seed)
    found: dict[str, None] = {}
    while len(found) < count:
        found[" ".join(rng.choices(WORDS, k=rng.randint(*words)))] = None
    return list(found)
