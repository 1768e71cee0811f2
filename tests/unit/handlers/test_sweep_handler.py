"""The sweeper's handler: what it sends to CloudWatch, which costs money for as long as it is sent."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from tuner.handlers import _entry
from tuner.handlers import sweep as handler_module
from tuner.steps.sweep import Swept

CONTEXT: Any = SimpleNamespace(
    function_name="lambda-tuner-sweep", memory_limit_in_mb=256, invoked_function_arn="arn", aws_request_id="1"
)


def metrics_sent(swept: Swept, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """Run the handler on what a sweep found; gives name and value of each metric that it wrote."""
    for name in ("clones", "artifacts", "restorer"):
        monkeypatch.setattr(handler_module, name, lambda: None)
    monkeypatch.setattr(handler_module, "sweep", lambda *_, now: swept)
    monkeypatch.setattr(_entry.metrics, "namespace", "LambdaTuner")
    capsys.readouterr()
    handler_module.handler({}, CONTEXT)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    emitted = [line for line in lines if "_aws" in line]
    return {
        metric["Name"]: line[metric["Name"]]
        for line in emitted
        for definition in line["_aws"]["CloudWatchMetrics"]
        for metric in definition["Metrics"]
    }


def test_a_sweep_without_news_sends_no_metric(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An hour in which nothing was left behind costs no custom metric: 0 would be one, for ever."""
    assert metrics_sent(Swept(restarted=(), removed=(), kept=3), monkeypatch, capsys) == {}


def test_news_of_a_sweep_is_sent(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Restored runs are counted, and so is what could not be swept; each by itself."""
    restored = Swept(restarted=("a", "b"), removed=(), kept=0)
    assert metrics_sent(restored, monkeypatch, capsys) == {"RunsSwept": [2.0]}
    refused = Swept(restarted=(), removed=(), kept=0, failed={"open runs": "AWS refused"})
    assert metrics_sent(refused, monkeypatch, capsys) == {"NotSwept": [1.0]}
