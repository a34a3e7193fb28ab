"""The dual encoder: a small convolutional vision tower and a small text transformer."""

import torch
from torch import Tensor, nn
from torch.nn import functional

DIMENSION = 256
CONTEXT_LENGTH = 32
VOCABULARY = 2500
_WIDTHS = (24, 48, 96, 192)
_TEXT_WIDTH = 160
_TEXT_HEADS = 5
_TEXT_LAYERS = 3


class Block(nn.Module):
    """Two 3x3 convolutions with batch norm around a skip connection."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(width)
        self.second = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        y = functional.relu(self.first_norm(self.first(x)))
        return functional.relu(x + self.second_norm(self.second(y)))


class Attention(nn.Module):
    """A pre-norm transformer layer; ``bias`` is added to the attention scores."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.mlp_norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, 4 * width)
        self.down = nn.Linear(4 * width, width)

    def forward(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        batch, length, width = x.shape
        size = width // self.heads
        q, k, v = self.qkv(self.norm(x)).chunk(3, dim=-1)
        q = q.reshape(batch, length, self.heads, size).transpose(1, 2)
        k = k.reshape(batch, length, self.heads, size).transpose(1, 2)
        v = v.reshape(batch, length, self.heads, size).transpose(1, 2)
        scores = q @ k.transpose(2, 3) * size**-0.5
        if bias is not None:
            scores = scores + bias
        mixed = scores.softmax(dim=-1) @ v
        x = x + self.out(mixed.transpose(1, 2).reshape(batch, length, width))
        return x + self.down(functional.gelu(self.up(self.mlp_norm(x)), approximate="tanh"))


class Vision(nn.Module):
    """float32 [batch, 3, 64, 64] → [batch, 256], not normalised."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for place, width in enumerate(_WIDTHS):
            layers += [
                nn.Conv2d(before, width, 3, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(),
            ]
            # At 32x32 a block costs a fifth of the whole step and adds little.
            if place > 0:
                layers.append(Block(width))
            before = width
        self.trunk = nn.Sequential(*layers)
        self.position = nn.Parameter(torch.randn(1, 16, before) * 0.02)
        self.attention = Attention(before, 6)
        self.norm = nn.LayerNorm(before)
        self.out = nn.Linear(before, DIMENSION)

    def forward(self, pixel_values: Tensor) -> Tensor:
        x = self.trunk(pixel_values).flatten(2).transpose(1, 2) + self.position
        return self.out(self.norm(self.attention(x)).mean(dim=1))


class Text(nn.Module):
    """int64 ids and mask [batch, length ≤ 32] → [batch, 256], not normalised."""

    def __init__(self, vocabulary: int = VOCABULARY) -> None:
        super().__init__()
        self.token = nn.Embedding(vocabulary, _TEXT_WIDTH)
        nn.init.normal_(self.token.weight, std=0.05)
        self.position = nn.Parameter(torch.randn(CONTEXT_LENGTH, _TEXT_WIDTH) * 0.02)
        self.layers = nn.ModuleList(
            Attention(_TEXT_WIDTH, _TEXT_HEADS) for _ in range(_TEXT_LAYERS)
        )
        self.norm = nn.LayerNorm(_TEXT_WIDTH)
        self.out = nn.Linear(_TEXT_WIDTH, DIMENSION)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        places = torch.arange(input_ids.shape[1], device=input_ids.device)
        x = self.token(input_ids) + self.position[places]
        mask = attention_mask.to(x.dtype)
        bias = ((1 - mask) * -1e4)[:, None, None, :]
        for layer in self.layers:
            x = layer(x, bias)
        weight = mask[:, :, None]
        pooled = (self.norm(x) * weight).sum(dim=1) / weight.sum(dim=1)
        return self.out(pooled)


class DualEncoder(nn.Module):
    """Both towers, the temperature, and heads that only training uses."""

    def __init__(self, classes: int, colours: int, counts: int) -> None:
        super().__init__()
        self.vision = Vision()
        self.text = Text()
        self.log_scale = nn.Parameter(torch.tensor(2.66))
        self.class_head = nn.Linear(DIMENSION, classes)
        self.colour_head = nn.Linear(DIMENSION, colours)
        self.count_head = nn.Linear(DIMENSION, counts)
        self.words_head = nn.Linear(DIMENSION, 1)

    def scale(self) -> Tensor:
        """The factor on cosine similarities, at most 60."""
        return self.log_scale.exp().clamp(max=60.0)


def contrastive_loss(logits: Tensor, yes: Tensor, unsure: Tensor) -> Tensor:
    """Rows of ``logits`` against their negatives, once for each positive.

    Positives do not compete with each other: for a positive p the loss is
    softplus(logsumexp over the row's negatives - logit of p); ``unsure`` pairs count for nothing.
    """
    negatives = logits.masked_fill(yes | unsure, -1e4).logsumexp(dim=1, keepdim=True)
    each = functional.softplus(negatives - logits) * yes
    per_row = each.sum(dim=1) / yes.sum(dim=1).clamp(min=1)
    has = yes.any(dim=1)
    return (per_row * has).sum() / has.sum().clamp(min=1)
