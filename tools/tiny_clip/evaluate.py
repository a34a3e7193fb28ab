"""Measures a model folder on new renders and unseen sentences, and writes its card.

``python -m tools.tiny_clip.evaluate``: each section is kept in ``evaluation.json`` of the folder as
soon as it is measured, and measured anew only when the model's revision has changed, or with
``--anew``. Exit status 1 where a figure falls short of its gate.
"""

import argparse
import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tools.sprites.catalogue import load_things
from tools.tiny_clip import templates
from tools.tiny_clip.bench import CUTS, ROUNDS, Bench, Figures
from tools.tiny_clip.card import fallen_short, write_card
from tools.tiny_clip.curves import Curve, write_curves
from tools.tiny_clip.finding import (
    held_out_phrases,
    image_to_text,
    kinds,
    large_pictures,
    several,
    style,
    text_to_image,
)
from tools.tiny_clip.folder import ModelFolder
from tools.tiny_clip.places import MODEL, RECALL_CURVES
from tools.tiny_clip.reference import least_cosines
from tools.tiny_clip.sentences import Writer
from tools.tiny_clip.sprites import HELD_OUT_STYLES, STYLES, load_sprites
from tools.tiny_clip.telling import colour, count, details, plain_count, printed_words, recoloured


def _sections() -> dict[str, Callable[[Bench], Figures]]:
    thing, unseen = templates.THING_TRAINED, templates.THING_HELD_OUT
    sections: dict[str, Callable[[Bench], Figures]] = {
        "text to image, trained forms": lambda b: text_to_image(b, 0, thing, False),
        "text to image, unseen forms": lambda b: text_to_image(b, 1, unseen, False),
        "text to image, synonyms in unseen forms": lambda b: text_to_image(b, 2, unseen, True),
        "text to image, forms written afterwards": lambda b: text_to_image(
            b, 30, templates.THING_AFTERWARDS, False
        ),
        "text to image, unseen phrases": lambda b: held_out_phrases(b, 3, "{p}"),
        "text to image, unseen phrases in an unseen form": lambda b: held_out_phrases(
            b, 3, templates.PHRASE_HELD_OUT[0]
        ),
        "image to text, unseen forms": lambda b: image_to_text(b, 4),
        "pictures of 640 px, names": lambda b: large_pictures(b, 5),
        "colour, trained form": lambda b: colour(b, 6, ("a {c} background",)),
        "colour, unseen forms": lambda b: colour(b, 7, templates.BACKGROUND_HELD_OUT),
        "count, trained form": lambda b: count(b, 8, ("{k}",)),
        "count, unseen forms": lambda b: count(b, 9, templates.COUNT_HELD_OUT),
        "picture + new colour - old colour": lambda b: recoloured(b, 10),
        "two things, unseen forms": lambda b: several(b, 11, templates.PAIR_HELD_OUT, 2),
        "three things, unseen forms": lambda b: several(b, 31, templates.TRIPLE_HELD_OUT, 3),
        "thing and colour, unseen forms": lambda b: details(b, 15, "colour"),
        "phrase and colour, unseen forms": lambda b: details(b, 16, "phrase and colour"),
        "thing, count and colour, unseen forms": lambda b: details(b, 17, "count and colour"),
        "thing and printed words, unseen forms": lambda b: details(b, 18, "words"),
        "count of anything, unseen forms": lambda b: plain_count(b, 19),
        "printed words, unseen forms": lambda b: printed_words(b, 12),
        "kinds, trained phrases": lambda b: kinds(b, 13, False),
        "kinds, unseen phrases": lambda b: kinds(b, 14, True),
    }
    for place, name in enumerate((*STYLES, *HELD_OUT_STYLES)):
        label = f"style {name}" + (" (never trained)" if name in HELD_OUT_STYLES else "")
        sections[label] = partial(style, seed=20 + place, name=name)
    sections["as in torch"] = _as_in_torch
    return sections


def _as_in_torch(bench: Bench) -> Figures:
    cosines = least_cosines(bench.model)
    return {
        "least cosine, pictures": round(cosines.pictures, 6),
        "least cosine, texts": round(cosines.texts, 6),
    }


def _draw_recalls(done: dict[str, Figures], path: Path) -> None:
    chosen = [
        "text to image, unseen forms",
        "text to image, unseen phrases",
        *(f"style {name} (never trained)" for name in HELD_OUT_STYLES),
    ]
    curves = [
        Curve(name[-18:], tuple((float(cut), done[name][f"R@{cut}"]) for cut in CUTS))
        for name in chosen
        if name in done
    ]
    write_curves(path, [("R@k, %", curves)])


def main(argv: list[str] | None = None) -> int:
    """Measures every section that the file does not hold yet; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--curves", type=Path, default=RECALL_CURVES, help="a PNG of recall over k")
    parser.add_argument("--anew", action="store_true", help="measure what is measured already")
    arguments = parser.parse_args(argv)
    about = json.loads((arguments.model / "model.json").read_text(encoding="utf-8"))
    done: dict[str, Figures] = {}
    out = arguments.model / "evaluation.json"
    if out.exists() and not arguments.anew:
        kept = json.loads(out.read_text(encoding="utf-8"))
        if kept["revision"] == about["revision"]:
            done = kept["sections"]
    things = load_things()
    bench = Bench(
        ModelFolder(arguments.model, about["context_length"]),
        things,
        load_sprites(things).by_style,
        Writer(things),
    )
    sections = _sections()
    for place, (name, measure) in enumerate(sections.items(), start=1):
        if name not in done:
            done[name] = measure(bench)
            content = {
                "revision": about["revision"],
                "classes": len(things),
                "rounds": ROUNDS,
                "sections": done,
            }
            out.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        figures = "  ".join(f"{key} {value}" for key, value in done[name].items())
        print(f"{place}/{len(sections)}  {name}: {figures}", file=sys.stderr, flush=True)
    _draw_recalls(done, arguments.curves)
    write_card(arguments.model)
    short = fallen_short(done)
    for line in short:
        print(f"fell short: {line}", file=sys.stderr)
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main())
