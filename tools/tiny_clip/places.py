"""Where a run, the model, and the pictures of both are kept."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "server" / "triptych_server" / "models" / "tiny_clip"
RUN = ROOT / ".tiny-clip"
TRAINING_CURVES = ROOT / "docs" / "images" / "tiny-clip-training.png"
RECALL_CURVES = ROOT / "docs" / "images" / "tiny-clip-recall.png"
