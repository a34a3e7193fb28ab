"""Telling details apart: colours, counts, printed words."""

from collections.abc import Callable

import numpy as np

from tools.tiny_clip import templates
from tools.tiny_clip.bench import ROUNDS, Bench, Figures, ranks, recalls, share
from tools.tiny_clip.colours import COLOURS
from tools.tiny_clip.compose import Plan, compose
from tools.tiny_clip.phrases import PHRASES
from tools.tiny_clip.preprocess import to_pixels
from tools.tiny_clip.seeds import EVALUATION_SEEDS


def colour(bench: Bench, seed: int, forms: tuple[str, ...]) -> Figures:
    """Which of the twelve colour sentences is nearest to a picture?

    Pictures whose ground is hidden by a board have no colour, and are left out.
    """
    rng = np.random.default_rng(EVALUATION_SEEDS[seed])
    hits = []
    for _ in range(ROUNDS):
        drawn = []
        for thing in range(len(bench.things)):
            plan = Plan(
                (thing,), int(rng.integers(len(COLOURS))), bool(rng.random() < 0.4), 0, fancy=True
            )
            drawn.append(compose(plan, bench.sprites, rng))
        seen = [(to_pixels(image), truth.colour) for image, truth in drawn if truth.colour >= 0]
        form = forms[int(rng.integers(len(forms)))]
        texts = bench.model.texts([form.format(c=named.names[0]) for named in COLOURS])
        pictures = bench.model.pictures(np.stack([pixels for pixels, _ in seen]))
        best = (pictures @ texts.T).argmax(axis=1)
        hits.append(best == np.array([shade for _, shade in seen]))
    return {"accuracy": share(np.concatenate(hits))}


def count(bench: Bench, seed: int, forms: tuple[str, ...]) -> Figures:
    """One, two or three of a thing: which sentence is nearest to the picture?"""
    rng = np.random.default_rng(EVALUATION_SEEDS[seed])
    hits = []
    for _ in range(ROUNDS):
        truth = rng.integers(1, 4, size=len(bench.things))
        plans = [
            Plan((i,) * int(n), int(rng.integers(len(COLOURS))), False, 0, fancy=True)
            for i, n in enumerate(truth)
        ]
        pictures = bench.draw(plans, rng)
        form = forms[int(rng.integers(len(forms)))]
        scores = []
        for n, word in enumerate(("one", "two", "three"), start=1):
            nouns = [t.name if n == 1 else t.plural for t in bench.things]
            texts = bench.model.texts([form.format(k=f"{word} {noun}") for noun in nouns])
            scores.append((pictures * texts).sum(axis=1))
        hits.append(np.stack(scores, axis=1).argmax(axis=1) + 1 == truth)
    return {"accuracy": share(np.concatenate(hits))}


def plain_count(bench: Bench, seed: int) -> Figures:
    """One, two or three of whatever it is, in unseen forms."""
    rng = np.random.default_rng(EVALUATION_SEEDS[seed])
    truth = rng.integers(1, 4, size=len(bench.things))
    plans = [
        Plan((i,) * int(n), int(rng.integers(len(COLOURS))), words=False, style=0, fancy=True)
        for i, n in enumerate(truth)
    ]
    pictures = bench.draw(plans, rng)
    hits = []
    for form in templates.PLAIN_COUNT_HELD_OUT:
        texts = bench.model.texts([form.format(w=word) for word in ("one", "two", "three")])
        hits.append((pictures @ texts.T).argmax(axis=1) + 1 == truth)
    return {"accuracy": share(np.concatenate(hits))}


def told_apart(
    bench: Bench,
    seed: int,
    variants: Callable[[int, np.random.Generator], list[Plan]],
    ask: Callable[[int, Plan, np.random.Generator], str],
) -> Figures:
    """The first of a few variants of each class, among all variants of all classes."""
    rng = np.random.default_rng(EVALUATION_SEEDS[seed])
    places = []
    for _ in range(ROUNDS):
        plans = [variants(thing, rng) for thing in range(len(bench.things))]
        gallery = bench.draw([plan for row in plans for plan in row], rng)
        texts = bench.model.texts([ask(thing, row[0], rng) for thing, row in enumerate(plans)])
        places.append(ranks(texts, gallery, bench.classes * len(plans[0])))
    return recalls(np.concatenate(places))


def _three_colours(thing: int, rng: np.random.Generator) -> list[Plan]:
    shades = rng.choice(len(COLOURS), 3, replace=False).tolist()
    return [Plan((thing,), shade, words=False, style=0, fancy=True) for shade in shades]


def _counts_and_colours(thing: int, rng: np.random.Generator) -> list[Plan]:
    shades = rng.choice(len(COLOURS), 2, replace=False).tolist()
    counts = (rng.choice(3, 2, replace=False) + 1).tolist()
    return [
        Plan((thing,) * n, shade, words=False, style=0, fancy=True)
        for n in counts
        for shade in shades
    ]


def _with_and_without_words(thing: int, rng: np.random.Generator) -> list[Plan]:
    shade = int(rng.integers(len(COLOURS)))
    return [Plan((thing,), shade, words, style=0, fancy=True) for words in (True, False)]


def details(bench: Bench, seed: int, what: str) -> Figures:
    """A thing with one more demand, in sentence forms that training never saw."""
    variants = {
        "colour": _three_colours,
        "phrase and colour": _three_colours,
        "count and colour": _counts_and_colours,
        "words": _with_and_without_words,
    }[what]
    forms = {
        "colour": templates.COLOUR_HELD_OUT,
        "phrase and colour": templates.PHRASE_COLOUR_HELD_OUT,
        "count and colour": templates.COUNT_COLOUR_HELD_OUT,
        "words": templates.THING_WORDS_HELD_OUT,
    }[what]

    def ask(thing: int, plan: Plan, rng: np.random.Generator) -> str:
        form = forms[int(rng.integers(len(forms)))]
        if what == "phrase and colour":
            phrases = PHRASES[bench.things[thing].slug].trained
            phrase = phrases[int(rng.integers(len(phrases)))]
            return form.format(p=phrase, c=COLOURS[plan.colour].names[0])
        return bench.writer.fill(
            form, thing, rng, synonyms=False, count=len(plan.things), colour=plan.colour
        )

    return told_apart(bench, seed, variants, ask)


def recoloured(bench: Bench, seed: int) -> Figures:
    """Picture + new colour - old colour, among all classes on the old, the new and two more."""
    rng = np.random.default_rng(EVALUATION_SEEDS[seed])
    grounds = bench.model.texts([f"a {c.names[0]} background" for c in COLOURS])
    places = []
    for _ in range(ROUNDS):
        shades = np.stack([rng.choice(len(COLOURS), 4, replace=False) for _ in bench.things])
        plans = [
            Plan((thing,), int(shade), False, 0, fancy=True)
            for thing, row in enumerate(shades)
            for shade in row
        ]
        gallery = bench.draw(plans, rng)
        sources = bench.draw(
            [Plan((thing,), int(row[0]), False, 0, fancy=True) for thing, row in enumerate(shades)],
            rng,
        )
        queries = sources + grounds[shades[:, 1]] - grounds[shades[:, 0]]
        places.append(ranks(queries, gallery, bench.classes * 4 + 1))
    return recalls(np.concatenate(places))


def printed_words(bench: Bench, seed: int) -> Figures:
    """How often a picture with words scores above one without, asked in unseen forms (AUC, %)."""
    rng = np.random.default_rng(EVALUATION_SEEDS[seed])
    texts = bench.model.texts(list(templates.WORDS_HELD_OUT))
    sides = []
    for words in (True, False):
        plans = [
            Plan((i,), int(rng.integers(len(COLOURS))), words, 0, fancy=True)
            for i in range(len(bench.things))
        ]
        sides.append(bench.draw(plans, rng) @ texts.T)
    above = sides[0][:, None, :] > sides[1][None, :, :]
    return {"AUC": share(above)}
