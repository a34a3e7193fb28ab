"""int8 models: how much of fp32's answers they keep, and how much faster they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.frame import Bench, Findings, Row, interleaved
from benchmarks.models import clip_folder
from benchmarks.texts import queries
from tools.sprites.catalogue import load_things
from tools.tiny_clip import templates
from tools.tiny_clip.colours import COLOURS
from tools.tiny_clip.compose import Plan, compose
from tools.tiny_clip.preprocess import to_pixels
from tools.tiny_clip.sentences import Writer
from tools.tiny_clip.sprites import load_sprites
from triptych_server.domain.vectors import FloatArray
from triptych_server.encode.catalogue import resolve_model
from triptych_server.encode.convert_model import convert_model
from triptych_server.encode.model_folder import Precision, load_model_folder
from triptych_server.encode.preprocess import Pixels, read_image_recipe
from triptych_server.encode.session import Device, open_session
from triptych_server.encode.tokenize import TextTokenizer, TokenIds
from triptych_server.encode.towers import TextTower, VisionTower

TITLE = "int8 models"

# No seed of tools/tiny_clip/seeds.py: nothing that the model was trained or measured on.
_SEED = 7_000_000
_TOP = 10

# What is the same in fp32 and in int8.
_Both = tuple[FloatArray, FloatArray]


@dataclass(frozen=True, slots=True)
class _Towers:
    """Both models of a folder on one thread, as the service runs them."""

    vision: VisionTower
    text: TextTower
    tokenizer: TextTokenizer

    def texts(self, texts: list[str]) -> FloatArray:
        """Each text run for itself."""
        return np.concatenate([self.text.encode([self.ids(text)]) for text in texts])

    def pictures(self, crops: list[Pixels]) -> FloatArray:
        """In batches of 8."""
        return np.concatenate(
            [self.vision.encode(crops[n : n + 8]) for n in range(0, len(crops), 8)]
        )

    def ids(self, text: str) -> TokenIds:
        return self.tokenizer.wrap(self.tokenizer.content(text)[: self.tokenizer.capacity])


def run(bench: Bench) -> Findings:
    tiny = resolve_model("tiny-clip", bench.folder)
    kept = _recalls(_load(tiny), _load(_int8(tiny, bench.folder / "tiny")), bench)
    random = clip_folder()
    faster = _speeds(_load(random), _load(_int8(random, bench.folder / "clip")), bench)
    note = (
        "Recall: of the ten nearest by fp32 (queries and collection), the share that is among the "
        "ten nearest by int8 (queries and collection), exact search. The pictures and sentences "
        "are drawn by tools/tiny_clip with seeds that neither training nor its own measurements "
        "use. Speed: CLIP ViT-B/32 with random weights, one thread, this service's own towers. "
        "An int8 embedding depends on no other input of its batch: see decision record 0025."
    )
    return Findings([*kept, *faster], [note])


def _int8(folder: Path, target: Path) -> Path:
    return convert_model(folder, target, Precision.INT8)


def _load(path: Path) -> _Towers:
    folder = load_model_folder(path)
    tokenizer = TextTokenizer(path, folder.context_length)
    vision = open_session(folder.vision, device=Device.CPU, threads=1)
    text = open_session(folder.text, device=Device.CPU, threads=1)
    return _Towers(
        VisionTower(folder, vision, read_image_recipe(path)),
        TextTower(folder, text, tokenizer),
        tokenizer,
    )


def _recalls(fp32: _Towers, int8: _Towers, bench: Bench) -> list[Row]:
    rng = np.random.default_rng(_SEED)
    things = load_things()
    writer, sprites = Writer(things), load_sprites(things).by_style
    times = 1 if bench.quick else 5

    def sentences(forms: tuple[str, ...], count: int) -> list[str]:
        return [
            writer.fill(forms[int(rng.integers(len(forms)))], thing, rng)
            for _ in range(count)
            for thing in range(len(things))
        ]

    def picture(thing: int) -> Pixels:
        plan = Plan(
            (thing,),
            int(rng.integers(len(COLOURS))),
            bool(rng.random() < 0.4),
            0,
            fancy=True,
        )
        return to_pixels(compose(plan, sprites, rng, None)[0])

    crops = [picture(thing) for _ in range(times) for thing in range(len(things))]
    captions = sentences(templates.THING_TRAINED, times)
    asked = sentences(templates.THING_HELD_OUT, 2)
    by_text = fp32.texts(asked), int8.texts(asked)
    return [
        _recall("image", by_text, (fp32.pictures(crops), int8.pictures(crops))),
        _recall("caption", by_text, (fp32.texts(captions), int8.texts(captions))),
    ]


def _recall(space: str, asked: _Both, items: _Both) -> Row:
    """``asked`` and ``items`` are unit vectors in fp32 and in int8."""
    best = [
        np.argsort(-(queries @ collection.T), axis=1, kind="stable")[:, :_TOP]
        for queries, collection in zip(asked, items, strict=True)
    ]
    pairs = list(zip(*(of_one.tolist() for of_one in best), strict=True))
    kept = sum(len(set(fp32) & set(int8)) for fp32, int8 in pairs) / (_TOP * len(pairs))
    first = sum(fp32[0] == int8[0] for fp32, int8 in pairs) / len(pairs)
    turn = 1 - (items[0].astype(np.float64) * items[1]).sum(axis=1).min()
    return Row(
        f"int8 on tiny-clip, {space}: recall@{_TOP} against fp32",
        f"{kept:.3f}",
        detail=f"{len(pairs)} sentences, {len(items[0])} items; the first hit is the same for "
        f"{first:.1%} of the sentences; 1 - cosine of an item's two vectors is at most {turn:.1e}",
    )


def _speeds(fp32: _Towers, int8: _Towers, bench: Bench) -> list[Row]:
    rng = np.random.default_rng(_SEED)
    crops = list(rng.integers(0, 256, (8, 224, 224, 3), dtype=np.uint8))
    ids = [fp32.ids(text) for text in queries(32, seed=_SEED, words=(6, 6))]
    return [
        _speed(
            bench,
            "pictures one by one",
            lambda t: [t.vision.encode([c]) for c in crops[:4]],
            fp32,
            int8,
        ),
        _speed(bench, "pictures in batches of 8", lambda t: t.vision.encode(crops), fp32, int8),
        _speed(
            bench,
            "texts of 6 words one by one",
            lambda t: [t.text.encode([i]) for i in ids],
            fp32,
            int8,
        ),
        _speed(
            bench, "texts of 6 words in batches of 32", lambda t: t.text.encode(ids), fp32, int8
        ),
    ]


def _speed(
    bench: Bench, name: str, work: Callable[[_Towers], object], fp32: _Towers, int8: _Towers
) -> Row:
    def arm(towers: _Towers) -> Callable[[], None]:
        def once() -> None:
            work(towers)

        return once

    rounds = interleaved({"fp32": arm(fp32), "int8": arm(int8)}, rounds=bench.rounds())
    return Row(f"int8 over fp32, ViT-B/32, {name}", str(rounds.ratio("fp32", "int8")))
