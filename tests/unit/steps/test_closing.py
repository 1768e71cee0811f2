"""After the search: a look for drift, and cold starts where the request asks for them."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from typing import Any

import pytest

from tests.unit.steps.conftest import NOW, FakeRun
from tuner.core.codec import to_json
from tuner.core.run.bucket_layout import DECISION, RECORD, STOP
from tuner.steps.create_clones import create_clones
from tuner.steps.recommend import recommend_for
from tuner.steps.report import report
from tuner.steps.restore import restore
from tuner.steps.run import load_plan, load_record

SIZES = [128, 256, 512, 768, 1024, 1536, 2048, 3008]


def finished(run: FakeRun, **request: Any) -> dict[str, Any]:
    """A whole run's report."""
    run.plan(memory=SIZES, **request)
    run.search()
    recommend_for(run.artifacts)
    restore(run.artifacts, run.reader, run.clones, now=NOW.isoformat())
    report(run.artifacts, finished_at=NOW.isoformat())
    return dict(run.artifacts.read("report.json"))


@pytest.mark.parametrize("parallel", [False, True])
def test_cold_starts_are_measured_apart(run: FakeRun, parallel: bool) -> None:
    """As many new environments as asked for at each of the two sizes; the answer does not rest on them."""

    def several_environments(call: str, name: str) -> None:
        if call == "invoke" and name.rsplit("-", maxsplit=1)[-1].isdigit():
            run.aws.cold.add(name)  # at once, so each call starts an environment

    run.aws.before = several_environments
    document = finished(run, coldStarts=4, parallelInvocation=parallel)
    sizes = dict.fromkeys((document["current"]["memoryMb"], document["recommended"]["memoryMb"]))
    assert [row["memoryMb"] for row in document["coldStarts"]] == list(sizes)
    for row in document["coldStarts"]:
        assert row["count"] >= 4
        assert row["initMs"] == {"p50": 120.0, "max": 120.0}
    assert document["invocations"] <= document["request"]["budget"]["maxInvocations"]
    samples = sum(row["samples"] for row in document["configurations"])
    assert samples == sum(not row["cold"] for row in document["observations"])
    assert list(run.aws.functions) == ["theirs"]


def test_the_answer_does_not_rest_on_cold_starts_asked_for(run: FakeRun) -> None:
    """A batch of cold starts whose environment was warm, and slow, changes nothing of the decision."""
    finished(run)
    decided = run.artifacts.read(DECISION)
    journal = run.artifacts.read("observations/001-0000.json")
    for row in journal["observation"]["invocations"]:
        row |= {"cold": False, "duration_ms": 9_999.0, "billed_ms": 9_999}
    journal["observation"] |= {"trial": 9_000, "purpose": "cold_start"}
    run.artifacts.write("observations/099-9000.json", journal)
    recommend_for(run.artifacts)
    assert run.artifacts.read(DECISION) == decided


def test_cold_starts_come_from_fresh_copies_that_are_in_the_plan(run: FakeRun) -> None:
    """Each is written down before it is made; first invocations that the search saw are not made again."""
    finished(run, coldStarts=3, parallelInvocation=False)
    made = [name for call, name in run.aws.calls if call == "create_function"]
    steps = [step.name for step in load_plan(run.artifacts).steps]
    assert len(made) == len(set(made))
    assert set(made) == set(steps)
    fresh = [name for name in steps if name.split("-")[-1].isdigit()]
    assert len(fresh) in {2, 4}
    for name in fresh:
        assert [call for call, called in run.aws.calls if called == name].count("invoke") == 1


def test_without_the_request_none_are_made(run: FakeRun) -> None:
    """And the report has no such field to show."""
    document = finished(run)
    assert document["coldStarts"] is None
    assert not [step for step in load_plan(run.artifacts).steps if step.name.split("-")[-1].isdigit()]


def test_a_user_who_ends_the_run_waits_for_no_cold_start(run: FakeRun) -> None:
    """The answer comes from what is there."""
    run.plan(memory=SIZES, coldStarts=5)
    run.round()
    run.round()
    run.artifacts.write(STOP, {})
    assert run.search() == 0


def test_what_would_break_the_budget_is_not_asked_for(run: FakeRun) -> None:
    """A cold start's worst case is a full init and the timeout."""
    run.plan(memory=SIZES, coldStarts=5)
    while (batches := run.round()) and batches[0].purpose != "cold_start":
        pass
    assert batches
    record = load_record(run.artifacts)
    for bound in ({"max_cost_usd": 1e-9}, {"max_minutes": 1e-6}):
        tight = replace(record.request, budget=replace(record.request.budget, **bound), cold_starts=50)
        run.artifacts.write(RECORD, to_json(replace(record, request=tight)))
        assert run.suggest()[1] == (), bound
    run.artifacts.write(RECORD, to_json(replace(record, request=replace(record.request, cold_starts=50))))
    assert run.suggest()[1] != ()


def test_drift_is_looked_for_where_no_size_was_measured_twice(run: FakeRun) -> None:
    """Three invocations at the size that was measured first; the report tells what was found."""
    time = {"factor": 1.0}
    chance = random.Random(3)
    run.aws.duration_ms = lambda memory_mb: (100_000 / memory_mb + 20) * time["factor"] * math.exp(chance.gauss(0, 0.1))
    run.plan(memory=SIZES, goal={"percentile": 95, "limitMs": 150})
    purposes: list[str] = []
    while batches := run.suggest()[1]:
        purposes += [batch.purpose for batch in batches]
        time["factor"] *= 1.1
        create_clones(run.artifacts, run.reader, run.clones, batches[0].round)
        for batch in batches:
            run.measure(batch)
    recommend_for(run.artifacts)
    document = report(run.artifacts, finished_at=NOW.isoformat())
    assert document["drift"] is not None
    assert document["drift"]["ratio"] > 1
    assert purposes.count("drift") <= 1
