"""The written report is of the bundled model and of these questions."""

from __future__ import annotations

import json
from pathlib import Path

from tools.demo_pictures.scenes import load_scenes
from tools.quality.__main__ import REPORT
from tools.quality.questions import development, judging, label_words

MODEL = Path(__file__).resolve().parents[2] / "server/triptych_server/models/tiny_clip/model.json"


def test_the_report_is_of_this_model_and_these_questions() -> None:
    head = " ".join(REPORT.read_text(encoding="utf-8").split("\n\n")[1].split())
    scenes = load_scenes()
    assert f"revision {json.loads(MODEL.read_text(encoding='utf-8'))['revision']}." in head
    assert f" {len(scenes)} drawn pictures" in head
    assert f" {len(development())} development questions" in head
    assert f" {len(judging())} judging questions" in head
    assert f" {len(label_words(scenes))} words that stand on one label" in head
