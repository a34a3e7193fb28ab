"""Trains tiny-clip on pictures that it draws itself.

``python -m tools.tiny_clip.train``: resumes where the run's folder holds a checkpoint.
"""

import argparse
import copy
import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

from tools.sprites.catalogue import load_things
from tools.tiny_clip.colours import COLOURS
from tools.tiny_clip.compose import compose, random_plan
from tools.tiny_clip.curves import Curve, write_curves
from tools.tiny_clip.labels import Demand, Truth, match
from tools.tiny_clip.model import (
    CONTEXT_LENGTH,
    VOCABULARY,
    DualEncoder,
    contrastive_loss,
)
from tools.tiny_clip.places import RUN
from tools.tiny_clip.pool import Pool
from tools.tiny_clip.preprocess import normalised, to_pixels
from tools.tiny_clip.seeds import MONITOR_SEED, TOKENIZER_SEED, TRAINING_SEEDS
from tools.tiny_clip.sentences import Sentence, Writer
from tools.tiny_clip.sprites import load_sprites
from tools.tiny_clip.tokenizer import train_tokenizer

PEAK_RATE = 1.5e-3
WARM_UP_STEPS = 100
EXTRA_TEXTS = 0.5


def tokens(tokenizer: Tokenizer, texts: list[str]) -> tuple[Tensor, Tensor]:
    """Ids and mask, padded to the longest text, cut at the context length."""
    rows = [encoding.ids[:CONTEXT_LENGTH] for encoding in tokenizer.encode_batch(texts)]
    length = max(len(row) for row in rows)
    ids = np.zeros((len(rows), length), np.int64)
    mask = np.zeros((len(rows), length), np.int64)
    for place, row in enumerate(rows):
        ids[place, : len(row)] = row
        mask[place, : len(row)] = 1
    return torch.from_numpy(ids), torch.from_numpy(mask)


def encode_texts(model: DualEncoder, tokenizer: Tokenizer, texts: list[str]) -> Tensor:
    """Embeddings in the texts' order; long and short ones apart, to spare the padding."""
    order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
    cut = len(order) * 4 // 5
    parts = [
        model.text(*tokens(tokenizer, [texts[place] for place in places]))
        for places in (order[:cut], order[cut:])
    ]
    back = torch.empty(len(order), dtype=torch.long)
    back[torch.tensor(order)] = torch.arange(len(order))
    return torch.cat(parts)[back]


def pixel_tensor(pixels: np.ndarray) -> Tensor:
    """uint8 pictures → the model's input, channels last in memory."""
    return torch.from_numpy(normalised(pixels)).to(memory_format=torch.channels_last)


def auxiliary_loss(
    model: DualEncoder,
    image: Tensor,
    text: Tensor,
    truths: list[Truth],
    demands: list[Demand],
) -> Tensor:
    """Classes, colours, counts and printed words, read by linear heads from the embeddings."""
    classes = model.class_head.out_features
    target = torch.zeros(len(truths), classes)
    for row, truth in enumerate(truths):
        target[row, list(truth.things)] = 1 / len(truth.things)
    loss = 0.3 * functional.cross_entropy(model.class_head(image), target)
    named = [(r, d) for r, d in enumerate(demands) if d.things and len(d.things[0]) == 1]
    rows = torch.tensor([r for r, d in named if len(d.things) == 1])
    wanted = torch.tensor([min(d.things[0]) for _, d in named if len(d.things) == 1])
    loss = loss + 0.3 * functional.cross_entropy(model.class_head(text[rows]), wanted)
    colour = torch.tensor([truth.colour if truth.colour >= 0 else -100 for truth in truths])
    loss = loss + 0.2 * functional.cross_entropy(model.colour_head(image), colour)
    count = torch.tensor([truth.count for truth in truths])
    loss = loss + 0.2 * functional.cross_entropy(model.count_head(image), count)
    words = torch.tensor([[float(truth.words)] for truth in truths])
    return loss + 0.1 * functional.binary_cross_entropy_with_logits(model.words_head(image), words)


class Monitor:
    """A fixed set of new pictures with trained sentence forms, asked now and then."""

    def __init__(self, writer: Writer, sprites: tuple, classes: int, tokenizer: Tokenizer) -> None:
        rng = np.random.default_rng(MONITOR_SEED)
        pictures: list[np.ndarray] = []
        sentences: list[Sentence] = []
        for thing in range(classes):
            plan = random_plan(classes, rng, easy=False)
            plan = type(plan)((thing,), plan.colour, plan.words, plan.style, plan.fancy)
            image, truth = compose(plan, sprites, rng)
            pictures.append(to_pixels(image))
            sentences.append(writer.thing_sentence(truth.things[0], rng))
        self._pixels = pixel_tensor(np.stack(pictures))
        self._ids, self._mask = tokens(tokenizer, [s.text for s in sentences])

    @torch.no_grad()
    def recall(self, model: DualEncoder) -> float:
        """text→image R@1 in percent."""
        model.eval()
        image = functional.normalize(model.vision(self._pixels), dim=1)
        text = functional.normalize(model.text(self._ids, self._mask), dim=1)
        best = (text @ image.T).argmax(dim=1)
        model.train()
        return float((best == torch.arange(len(best))).float().mean() * 100)


def _rate(step: int, share: float) -> float:
    warm = min(1.0, (step + 1) / WARM_UP_STEPS)
    return float(PEAK_RATE * warm * (0.495 * (1 + np.cos(np.pi * min(1.0, share))) + 0.01))


def _optimiser(model: DualEncoder) -> torch.optim.AdamW:
    flat = [p for p in model.parameters() if p.ndim < 2]
    deep = [p for p in model.parameters() if p.ndim >= 2]
    groups = [{"params": deep, "weight_decay": 0.03}, {"params": flat, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=PEAK_RATE, betas=(0.9, 0.98), fused=True)


@torch.no_grad()
def _average(ema: DualEncoder, model: DualEncoder, step: int) -> None:
    decay = min(0.998, (step + 1) / (step + 10))
    for kept, new in zip(ema.state_dict().values(), model.state_dict().values(), strict=True):
        if kept.dtype.is_floating_point:
            kept.lerp_(new, 1 - decay)
        else:
            kept.copy_(new)


def _draw_curves(history: list[dict[str, float]], path: Path) -> None:
    losses = Curve("loss", tuple((h["step"], h["loss"]) for h in history))
    recall = Curve(
        "R@1 on new pictures, %", tuple((h["step"], h["recall"]) for h in history if "recall" in h)
    )
    write_curves(path, [("training loss", [losses]), ("text to image", [recall])])


def main(argv: list[str] | None = None) -> int:
    """Trains for the given minutes; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=RUN, help="folder of this run")
    parser.add_argument("--minutes", type=float, default=75.0, help="training time in all")
    parser.add_argument("--batch", type=int, default=192)
    parser.add_argument("--pool", type=int, default=24_000, help="pictures kept in memory")
    parser.add_argument("--fresh", type=int, default=36, help="pictures drawn anew at each step")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=TRAINING_SEEDS.start)
    arguments = parser.parse_args(argv)
    torch.set_num_threads(arguments.threads)
    out: Path = arguments.out
    out.mkdir(parents=True, exist_ok=True)

    things = load_things()
    writer = Writer(things)
    sprites = load_sprites(things).by_style
    tokenizer_path = out / "tokenizer.json"
    if tokenizer_path.exists():
        tokenizer = Tokenizer.from_file(str(tokenizer_path))
    else:
        rng = np.random.default_rng(TOKENIZER_SEED)
        truths = [
            compose(random_plan(len(things), rng, False), sprites, rng)[1] for _ in range(4000)
        ]
        corpus = [writer.training(truth, rng, False).text for _ in range(30) for truth in truths]
        tokenizer = train_tokenizer(corpus, VOCABULARY, tokenizer_path)

    torch.manual_seed(arguments.seed)
    model = DualEncoder(len(things), len(COLOURS), 4)
    model.vision.to(memory_format=torch.channels_last)
    ema = copy.deepcopy(model)
    optimiser = _optimiser(model)
    step, elapsed = 0, 0.0
    history: list[dict[str, float]] = []
    checkpoint_path = out / "checkpoint.pt"
    if checkpoint_path.exists():
        saved = torch.load(checkpoint_path, weights_only=True)
        model.load_state_dict(saved["model"])
        ema.load_state_dict(saved["ema"])
        optimiser.load_state_dict(saved["optimiser"])
        step, elapsed = saved["step"], saved["elapsed"]
        history = json.loads((out / "history.json").read_text(encoding="utf-8"))
        print(f"resumed at step {step}, {elapsed / 60:.1f} min", file=sys.stderr)

    def save() -> None:
        state = {
            "model": model.state_dict(),
            "ema": ema.state_dict(),
            "optimiser": optimiser.state_dict(),
            "step": step,
            "elapsed": elapsed,
            "images": step * arguments.batch,
        }
        torch.save(state, checkpoint_path.with_suffix(".tmp"))
        checkpoint_path.with_suffix(".tmp").replace(checkpoint_path)
        (out / "history.json").write_text(json.dumps(history), encoding="utf-8")
        _draw_curves(history, out / "curves.png")

    pool = Pool(
        arguments.pool,
        len(things),
        sprites,
        arguments.seed + step,
        0.6 if step == 0 else 0.0,
        lambda done: print(f"\rdrawing {done}/{arguments.pool}", end="", file=sys.stderr),
    )
    print(file=sys.stderr)
    monitor = Monitor(writer, sprites, len(things), tokenizer)
    rng = np.random.default_rng(arguments.seed + step + 1)
    budget = arguments.minutes * 60
    extra = int(arguments.batch * EXTRA_TEXTS)
    running = 0.0
    last_save = time.monotonic()
    model.train()
    while elapsed < budget:
        began = time.monotonic()
        for group in optimiser.param_groups:
            group["lr"] = _rate(step, elapsed / budget)
        pool.refresh(arguments.fresh)
        places = pool.batch(arguments.batch)
        truths = [pool.truths[place] for place in places]
        sources = [*range(len(places)), *rng.integers(len(places), size=extra).tolist()]
        sentences = [writer.training(truths[s], rng, bool(pool.easy[places[s]])) for s in sources]
        demands = [sentence.demand for sentence in sentences]
        found = match(demands, truths, len(things))
        yes, unsure = torch.from_numpy(found.yes), torch.from_numpy(found.open)
        written = [sentence.text for sentence in sentences]
        with torch.autocast("cpu", torch.bfloat16):
            image = model.vision(pixel_tensor(pool.pixels[places]))
            text = encode_texts(model, tokenizer, written)
        image, text = image.float(), text.float()
        logits = model.scale() * (
            functional.normalize(text, dim=1) @ functional.normalize(image, dim=1).T
        )
        loss = contrastive_loss(logits, yes, unsure) + contrastive_loss(logits.T, yes.T, unsure.T)
        loss = loss + auxiliary_loss(model, image, text, truths, demands)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 2.0)
        optimiser.step()
        _average(ema, model, step)
        step += 1
        elapsed += time.monotonic() - began
        running = loss.item() if running == 0 else 0.98 * running + 0.02 * loss.item()
        if step % 20 == 0:
            entry = {"step": float(step), "minutes": elapsed / 60, "loss": running}
            if step % 200 == 0:
                entry["recall"] = monitor.recall(ema)
            history.append(entry)
            text_recall = f"  R@1 {entry['recall']:.1f}" if "recall" in entry else ""
            print(
                f"{elapsed / budget:6.1%}  step {step}  {elapsed / 60:.1f} min  "
                f"{step * arguments.batch / elapsed:.0f} img/s  loss {running:.3f}"
                f"  scale {model.scale().item():.1f}{text_recall}",
                file=sys.stderr,
                flush=True,
            )
        if time.monotonic() - last_save > 90:
            save()
            last_save = time.monotonic()
    save()
    return 0


if __name__ == "__main__":
    sys.exit(main())
