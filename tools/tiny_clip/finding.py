"""Finding things: sentences, phrases and kinds against pictures, and the other way round."""

import numpy as np
from numpy.typing import NDArray

from tools.tiny_clip import templates
from tools.tiny_clip.bench import ROUNDS, Bench, Figures, pooled, ranks
from tools.tiny_clip.colours import COLOURS
from tools.tiny_clip.compose import Plan
from tools.tiny_clip.kinds import KINDS
from tools.tiny_clip.phrases import PHRASES
from tools.tiny_clip.seeds import EVALUATION_SEEDS
from tools.tiny_clip.sprites import STYLES, load_held_out

LARGE_SIDE = 640


def text_to_image(bench: Bench, seed: int, forms: tuple[str, ...], synonyms: bool) -> Figures:
    """Sentences about classes against one new picture of each class."""
    return pooled(
        bench,
        seed,
        lambda rng: ranks(bench.asked(forms, rng, synonyms), bench.gallery(rng), bench.classes),
    )


def large_pictures(bench: Bench, seed: int) -> Figures:
    """Names against pictures of 640 px, which the preprocessing reduces tenfold."""
    return pooled(
        bench,
        seed,
        lambda rng: ranks(
            bench.asked(("{a}", "{n}"), rng), bench.gallery(rng, side=LARGE_SIDE), bench.classes
        ),
    )


def held_out_phrases(bench: Bench, seed: int, form: str) -> Figures:
    """One phrase of each class that training never saw, in the given form."""
    texts = bench.model.texts([form.format(p=PHRASES[t.slug].held_out) for t in bench.things])
    return pooled(bench, seed, lambda rng: ranks(texts, bench.gallery(rng), bench.classes))


def image_to_text(bench: Bench, seed: int) -> Figures:
    """New pictures against one sentence for each class, in forms that training never saw."""
    return pooled(
        bench,
        seed,
        lambda rng: ranks(
            bench.gallery(rng), bench.asked(templates.THING_HELD_OUT, rng), bench.classes
        ),
    )


def style(bench: Bench, seed: int, name: str) -> Figures:
    """Names against pictures in one drawing style; the held-out ones were never trained."""
    if name in STYLES:
        place, at = STYLES.index(name), bench
    else:
        place = 0
        at = Bench(bench.model, bench.things, (load_held_out(bench.things, name),), bench.writer)
    return pooled(
        bench,
        seed,
        lambda rng: ranks(bench.asked(("{a}", "{n}"), rng), at.gallery(rng, place), bench.classes),
    )


def several(bench: Bench, seed: int, forms: tuple[str, ...], count: int) -> Figures:
    """ "A cat and a dog": as many pictures of ``count`` different things as there are classes."""

    def one(rng: np.random.Generator) -> NDArray[np.int64]:
        total = len(bench.things)
        shown = [
            (i, *(int((i + step) % total) for step in rng.choice(total - 1, count - 1, False) + 1))
            for i in range(total)
        ]
        plans = [Plan(few, int(rng.integers(len(COLOURS))), False, 0, fancy=True) for few in shown]
        texts = [
            bench.writer.fill(
                forms[int(rng.integers(len(forms)))], i, rng, synonyms=False, others=others
            )
            for i, *others in shown
        ]
        return ranks(bench.model.texts(texts), bench.draw(plans, rng), bench.classes)

    return pooled(bench, seed, one)


def kinds(bench: Bench, seed: int, held_out: bool) -> Figures:
    """ "Something to drink": precision among the first n of the n pictures that belong."""
    rng = np.random.default_rng(EVALUATION_SEEDS[seed])
    shares = []
    for _ in range(ROUNDS):
        gallery = bench.gallery(rng)
        for place, kind in enumerate(KINDS):
            members = bench.writer.kind_members(place)
            phrase = kind.held_out if held_out else kind.trained[0]
            order = np.argsort(-(bench.model.texts([phrase]) @ gallery.T)[0])
            first = order[: len(members)].tolist()
            shares.append(sum(thing in members for thing in first) / len(members))
    return {"R-precision": round(float(np.mean(shares)) * 100, 1)}
