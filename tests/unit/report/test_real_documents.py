"""What whole runs leave, on in-memory stand-ins, against the schema and the renderers."""

from __future__ import annotations

import io
import json
import math
import random
from typing import Any

import jsonschema
import pytest
from rich.console import Console

from tests.rough_search import search_roughly
from tests.unit.report.test_schema import EVIDENCE, SCHEMA
from tests.unit.steps.conftest import NOW, FakeRun
from tests.unit.steps.fakes import FakeLambda
from tuner.core.answer.codec import decode
from tuner.report.html import render_html
from tuner.report.markdown import render_markdown
from tuner.report.sentences import plain, verdict_message
from tuner.report.terminal import render_terminal
from tuner.steps.explain_failure import explain_failure, record_failure
from tuner.steps.recommend import recommend_for
from tuner.steps.report import report
from tuner.steps.restore import restore

VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def noisy_curve(seed: int = 5) -> Any:
    """A duration that falls with memory up to one core, with 4 % of noise."""
    rng = random.Random(seed)
    return lambda memory_mb: (25 + 180 * max(1024 / memory_mb, 1024 / 1769)) * math.exp(rng.gauss(0, 0.04))


def whole_run(where: str = "aws", *, metrics: dict[str, list[float]] | None = None, **request: Any) -> dict[str, Any]:
    """The report.json of a run from plan to report; *metrics* are CloudWatch's of the function."""
    run = FakeRun(aws=FakeLambda(noisy_curve()), where=where)
    run.cloudwatch.values = metrics or {}
    run.aws.add("theirs")
    run.plan(**request)
    run.search()
    recommend_for(run.artifacts)
    restore(run.artifacts, run.reader, run.clones, now=NOW.isoformat())
    output = report(run.artifacts, finished_at=NOW.isoformat())
    VALIDATOR.validate(output)
    document: dict[str, Any] = json.loads(run.s3.objects["runs/run-1/report.json"])
    assert not [field for field in EVIDENCE if field not in document]
    return document


@pytest.mark.parametrize(
    ("request_", "verdicts", "roughly"),
    [
        ({"goal": {"percentile": 95, "limitMs": 400}}, {"GOAL_MET"}, False),
        ({"goal": {"percentile": 95, "limitMs": 60}}, {"GOAL_NOT_MET"}, True),
        (
            {"goal": {"percentile": 99.9, "limitMs": 165}, "budget": {"maxInvocations": 8}},
            {"UNCERTAIN", "GOAL_NOT_MET"},
            True,
        ),
        ({"monthlyInvocations": 3_000_000}, {"NO_GOAL", "UNCERTAIN"}, False),
        ({"powerValues": [512], "goal": {"percentile": 95, "limitMs": 900}}, {"GOAL_MET"}, True),
    ],
)
def test_a_whole_runs_document_is_valid_and_rendered(
    request_: dict[str, Any], verdicts: set[str], roughly: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Schema, page, comment and terminal agree with what the search and the steps write."""
    if roughly:
        search_roughly(monkeypatch.setattr)
    document = whole_run(**request_)
    VALIDATOR.validate(document)
    assert document["verdict"] in verdicts
    report = decode(document)
    sentence = plain(verdict_message(report).headline)
    assert sentence.endswith(".")
    assert "<h1>" in render_html(report)
    assert len(render_markdown(report).encode()) < 60_000
    console = Console(file=io.StringIO(), width=80)
    render_terminal(report, console)


def test_a_local_runs_document_says_where_it_was_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same on the embedded AWS."""
    search_roughly(monkeypatch.setattr)
    document = whole_run(where="local", goal={"percentile": 95, "limitMs": 400})
    assert "on this machine" in plain(verdict_message(decode(document)).headline)


def test_a_dry_runs_document_is_valid() -> None:
    """One invocation and an estimate."""
    run = FakeRun(aws=FakeLambda(noisy_curve()))
    run.aws.add("theirs")
    run.plan(dryRun=True)
    run.search()
    output = report(run.artifacts, finished_at=NOW.isoformat())
    VALIDATOR.validate(output)
    VALIDATOR.validate(json.loads(run.s3.objects["runs/run-1/report.json"]))
    assert plain(verdict_message(decode(output)).headline).startswith("Only 1 invocation so far")


def test_a_failed_runs_documents_are_valid() -> None:
    """Before the function was found, and after an invocation that failed."""
    early = FakeRun()
    VALIDATOR.validate(report(early.artifacts, finished_at=NOW.isoformat(), status="ABORTED"))
    late = FakeRun(aws=FakeLambda(noisy_curve()))
    late.aws.add("theirs")
    late.plan()
    late.round()
    record_failure(late.artifacts, explain_failure("Throttled", json.dumps({"errorMessage": "AWS asked to wait."})))
    output = report(late.artifacts, finished_at=NOW.isoformat())
    VALIDATOR.validate(output)
    document = json.loads(late.s3.objects["runs/run-1/report.json"])
    VALIDATOR.validate(document)
    assert document["observations"]
    assert "The run failed" in render_html(decode(document))
