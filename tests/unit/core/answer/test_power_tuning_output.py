"""AWS Lambda Power Tuning's output fields, where a run does not give them plainly."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.core.search.simulated import PRICES, problem_of
from tuner.core.answer.power_tuning_output import power_tuning_output
from tuner.core.answer.recommendation import ConfigurationEstimate, Interval, Probability, Recommendation
from tuner.core.answer.report import PowerTuningOutput
from tuner.core.model import Batch, Candidate, Invocation, Observation, accept_allowed
from tuner.core.money.pricing import invocation_cost_usd
from tuner.core.request.tuning_request import PowerTuning

WITH_STATS = PowerTuning(include_output_results=True)
SIZE = Candidate(512, "x86_64")
ESTIMATE = ConfigurationEstimate(
    candidate=SIZE,
    duration_ms={"mean": Interval(120.0, 100.0, 140.0)},
    cost_per_million_usd=Interval(1.25, 1.0, 1.5),
    samples=0,
    environments=0,
    basis="model",
)
ANSWER = Recommendation("NO_GOAL", ESTIMATE, None, None, (ESTIMATE,), Probability(), 0.9, None, "It is measured.")
BATCH = Batch(1, 0, SIZE, 2, 1, "The first.")


def warm(duration_ms: float | None, billed_ms: int | None) -> Invocation:
    """A warm success."""
    return Invocation("r", "ok", cold=False, duration_ms=duration_ms, billed_ms=billed_ms)


def fields_of(invocations: list[Invocation], *, region: str = "us-east-1") -> PowerTuningOutput:
    """The output of a run that measured these at 512 MB."""
    observations = [Observation(1, 0, SIZE, tuple(invocations))] if invocations else []
    problem = problem_of((512, 1024), current_mb=512)
    return power_tuning_output(problem, observations, ANSWER, WITH_STATS, region=region, rounds=[[BATCH] * 3] * 3)


def test_where_the_size_was_not_measured_the_estimate_stands() -> None:
    """A search may recommend a size that it did not run; then there is no row of it."""
    fields = fields_of([])
    assert (fields.power, fields.cost, fields.duration, fields.stats) == (512, 1.25e-6, 120.0, ())


def test_only_warm_successes_with_a_duration_are_averaged() -> None:
    """Cold starts, failures and lost records are not in it."""
    cold = replace(warm(500.0, 900), cold=True)
    failed = replace(warm(1.0, 1), outcome="function_error")
    lost = Invocation("u", "unmeasured", cold=False)
    fields = fields_of([cold, warm(100.0, 100), warm(101.0, 102), failed, lost])
    prices = PRICES["x86_64"]
    assert fields.duration == 100.5
    assert fields.cost == pytest.approx(
        (invocation_cost_usd(512, 100, prices) + invocation_cost_usd(512, 102, prices)) / 2
    )


def test_what_a_run_cost_where_the_price_of_a_transition_is_not_known() -> None:
    """Null, and never a default."""
    spent_usd = invocation_cost_usd(512, 100, PRICES["x86_64"])
    for region, execution_usd in (("us-east-1", 0.0007), ("xx-nowhere-1", None)):
        made = fields_of([warm(100.0, 100)], region=region).state_machine
        assert (made.execution_cost, made.lambda_cost) == (execution_usd, pytest.approx(spent_usd))


def test_rows_of_two_architectures_can_be_told_apart() -> None:
    """Two rows may have the same size then."""
    problem = problem_of((512,), current_mb=512, architectures=("x86_64", "arm64"))
    observations = [
        Observation(1, number, Candidate(512, architecture), (warm(100.0, 100),))
        for number, architecture in enumerate(("x86_64", "arm64"))
    ]
    fields = power_tuning_output(problem, observations, ANSWER, WITH_STATS, region="us-east-1", rounds=[])
    assert [(row.value, row.architecture) for row in fields.stats or ()] == [(512, "arm64"), (512, "x86_64")]


@pytest.mark.parametrize(
    ("invocation", "outcome"),
    [
        (replace(warm(5.0, 6), outcome="function_error", error_type="OrderNotFound"), "ok"),
        (replace(warm(5.0, 6), outcome="function_error", error_type="OrderNotFoundToday"), "function_error"),
        (replace(warm(5.0, None), outcome="function_error", error_type="OrderNotFound"), "function_error"),
        (replace(warm(None, None), outcome="function_error", error_type="OrderNotFound"), "function_error"),
        (replace(warm(5.0, 6), outcome="timeout", error_type="Sandbox.Timedout"), "timeout"),
        (replace(warm(5.0, 6), outcome="out_of_memory", error_type="Runtime.OutOfMemory"), "out_of_memory"),
    ],
)
def test_which_errors_count_as_an_answer(invocation: Invocation, outcome: str) -> None:
    """Those that are named, and were measured; never a timeout or running out of memory."""
    allowed = ("OrderNotFound", "Sandbox.Timedout", "Runtime.OutOfMemory")
    (answer,) = accept_allowed([replace(invocation, error_frames=("app.py:3",), log_tail=("secret",))], allowed)
    assert answer.outcome == outcome
    assert answer.error_type == invocation.error_type
    assert (answer.error_frames, answer.log_tail) == (((), ()) if outcome == "ok" else (("app.py:3",), ("secret",)))
