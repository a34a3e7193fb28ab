"""The report is of the bundled model, of these questions, and readable as plain text."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tools.demo_pictures.scenes import load_scenes
from tools.quality.__main__ import REPORT
from tools.quality.measure import Measured
from tools.quality.questions import development, judging, label_words
from tools.quality.report import WIDTH, render

MODEL = Path(__file__).resolve().parents[2] / "server/triptych_server/models/tiny_clip/model.json"


def test_the_report_is_of_this_model_and_these_questions() -> None:
    head = " ".join(REPORT.read_text(encoding="utf-8").split("\n\n")[1].split())
    scenes = load_scenes()
    assert f"revision {json.loads(MODEL.read_text(encoding='utf-8'))['revision']}." in head
    assert f" {len(scenes)} drawn pictures" in head
    assert f" {len(development())} development questions" in head
    assert f" {len(judging())} judging questions" in head
    assert f" {len(label_words(scenes))} words that stand on one label" in head


@pytest.mark.timeout(900)
def test_every_failure_is_listed(measured: Measured) -> None:
    report = render(measured)
    assert max(map(len, report.splitlines())) <= WIDTH
    headings = re.findall(r"^## .* that failed: (\d+) of (\d+)$", report, re.MULTILINE)
    asked = (measured.development, measured.judging, measured.label_words)
    assert [int(total) for _, total in headings] == [len(one) for one in asked]
    assert sum(int(failed) for failed, _ in headings) == len(re.findall(r"^- ", report, re.M))
    wrong = [
        one.question.text
        for answers in asked
        for one in answers
        if not set(one.first[:3]) & set(measured.expected(one))
    ]
    flat = " ".join(report.split())
    assert not [text for text in wrong if f"- “{text}”" not in flat]
