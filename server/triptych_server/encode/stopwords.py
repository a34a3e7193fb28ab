"""English words that say nothing about what a text is about.

Articles, pronouns, prepositions, conjunctions, auxiliary verbs and the like, with the halves that
their contractions fall into at the apostrophe ("doesn't" becomes "doesn" and "t"). What carries
meaning elsewhere is not among them: single letters but "a" and "i" ("vitamin C", "t-shirt"), "won",
"don".
"""

from __future__ import annotations

ENGLISH = frozenset(
    """
    a about above after again against all am an and any are aren as at
    be because been before being below between both but by
    can cannot could couldn
    did didn do does doesn doing down during
    each few for from further
    had hadn has hasn have haven having he her here hers herself him himself his how
    i if in into is isn it its itself
    just let ll
    me more most mustn my myself
    no nor not now
    of off on once only or other our ours ourselves out over own
    re same shan she should shouldn so some such
    than that the their theirs them themselves then there these they this those through to too
    under until up us
    ve very
    was wasn we were weren what when where which while who whom why will with would wouldn
    you your yours yourself yourselves
    """.split()
)
