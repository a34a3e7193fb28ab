"""Reads a model folder as the server does: onnxruntime, the tokenizer file, Pillow."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Tokenizer

from tools.tiny_clip.preprocess import normalised

_BATCH = 64


def _session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / lengths, dtype=np.float32)


class ModelFolder:
    """Both towers of one folder; all embeddings come back with unit length."""

    def __init__(self, folder: Path, context_length: int) -> None:
        self._vision = _session(folder / "vision" / "model.onnx")
        self._text = _session(folder / "text" / "model.onnx")
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._context_length = context_length

    def pictures(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """uint8 [n, 64, 64, 3] → float32 [n, dimension]."""
        parts = [
            self._vision.run(None, {"pixel_values": normalised(pixels[at : at + _BATCH])})[0]
            for at in range(0, len(pixels), _BATCH)
        ]
        return _unit(np.concatenate(parts))

    def texts(self, texts: Sequence[str], pad_to: int = 0) -> NDArray[np.float32]:
        """Texts → float32 [n, dimension], each batch padded to its longest or to ``pad_to``."""
        parts = []
        for at in range(0, len(texts), _BATCH):
            batch = self._tokenizer.encode_batch(list(texts[at : at + _BATCH]))
            rows = [encoding.ids[: self._context_length] for encoding in batch]
            length = max(pad_to, max(len(row) for row in rows))
            ids = np.zeros((len(rows), length), np.int64)
            mask = np.zeros((len(rows), length), np.int64)
            for place, row in enumerate(rows):
                ids[place, : len(row)] = row
                mask[place, : len(row)] = 1
            feeds = {"input_ids": ids, "attention_mask": mask}
            parts.append(self._text.run(None, feeds)[0])
        return _unit(np.concatenate(parts))
