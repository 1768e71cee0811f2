"""The benchmark's own arithmetic: interpolation, truth, goals, replay, figures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bench.algorithms import ALGORITHMS, Answer
from bench.curves import Curve, MeasuredNoise, monotone_cubic, read_curves, read_noise, sizes_of
from bench.nights import Row, Work, run_in_a_row
from bench.replay import Replay
from bench.scoring import WITHIN_5_PERCENT, calibration_table, claims_table, figures, score
from bench.search import DATA
from bench.synthetic import FAMILIES
from bench.truth import raw_truth, smooth_truth, tasks_of
from tuner.core.model import TuningBudget

CURVE = Curve("cpu", (128, 256, 512, 1024, 2048), (1600.0, 800.0, 400.0, 210.0, 150.0))
NOISE = MeasuredNoise(0.05, 0.0)
BUDGET = TuningBudget(50, 1e9, 1e9)


def test_interpolation_passes_the_points_and_never_overshoots() -> None:
    """PCHIP returns the points themselves and stays between neighbours."""
    x, y = [0.0, 1.0, 3.0, 4.0], [5.0, 4.0, 4.0, 1.0]
    assert monotone_cubic(x, y, np.array(x)) == pytest.approx(y)
    between = monotone_cubic(x, y, np.linspace(1, 3, 20))
    assert between == pytest.approx(np.full(20, 4.0))


def test_sizes_hold_the_points_and_the_steps() -> None:
    """The space of a curve: its own sizes and every 64 MB between them."""
    sizes = sizes_of(Curve("x", (100, 1769), (2.0, 1.0)))
    assert sizes[0] == 100
    assert 128 in sizes
    assert sizes[-1] == 1769


def test_raw_truth_is_the_published_points() -> None:
    """At the measured sizes the raw truth is what was published, the smooth one close to it."""
    raw, smooth = raw_truth(CURVE, NOISE, 0), smooth_truth(CURVE, NOISE, 0)
    at = [raw.memory_mb.index(m) for m in CURVE.memory_mb]
    assert raw.core_ms[at] == pytest.approx(CURVE.mean_ms)
    assert smooth.core_ms[at] == pytest.approx(CURVE.mean_ms, rel=0.08)


def test_percentile_of_the_truth_matches_its_samples() -> None:
    """The closed form agrees with what the replay returns over many environments."""
    truth = raw_truth(CURVE, MeasuredNoise(0.1, 0.02), 2)
    task = tasks_of(truth, BUDGET)[0]
    replay = Replay(task, (1, 2))
    samples = [replay.invoke(0, slot).duration_ms for slot in range(20_000)]
    assert np.percentile(samples, 95) == pytest.approx(truth.percentile_ms(95)[0], rel=0.03)
    assert np.mean(samples) == pytest.approx(truth.mean_ms[0], rel=0.02)


def test_goals_lie_between_fastest_and_slowest() -> None:
    """No goal, 15 % and 50 % of the way in log; a flat function has no goals."""
    tasks = tasks_of(raw_truth(CURVE, NOISE, 0), BUDGET)
    assert [task.goal_share for task in tasks] == [None, 0.15, 0.5]
    for task in tasks:
        assert task.goal is None or task.percentile_ms[task.best] <= task.goal.limit_ms * (1 + 1e-9)
    flat = Curve("flat", (128, 1024), (100.0, 95.0))
    assert [task.goal_share for task in tasks_of(raw_truth(flat, NOISE, 0), BUDGET)] == [None]


def test_later_batches_land_on_the_same_environment() -> None:
    """Without noise, an environment answers the same every time, and another one differently."""
    truth = raw_truth(CURVE, MeasuredNoise(1e-9, 0.0), 2)
    replay = Replay(tasks_of(truth, BUDGET)[0], (3,))
    first, again, other = (replay.invoke(0, slot).duration_ms for slot in (0, 0, 1))
    assert first == pytest.approx(again)
    assert first != pytest.approx(other)
    assert replay.invocation_count == 3


@pytest.mark.parametrize("name", ALGORITHMS)
def test_every_algorithm_answers(name: str) -> None:
    """Each algorithm ends with a size of the space and counts its invocations."""
    for task in tasks_of(raw_truth(CURVE, NOISE, 1), BUDGET):
        replay = Replay(task, (4,))
        answer = ALGORITHMS[name](task, replay, 0)
        assert 0 <= answer.pick < len(task.truth.memory_mb)
        assert replay.invocation_count > 0
        assert replay.spent > 0


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_has_tasks(family: str) -> None:
    """Synthetic truths are positive, and have at least the task without a goal."""
    truth = FAMILIES[family](1)
    assert (truth.core_ms > 0).all()
    assert tasks_of(truth, BUDGET)


def test_nights_in_a_row_count_what_would_be_deployed() -> None:
    """A first change is the answer; each later one goes back on a night before, and so does each other best size."""
    row = Row(("change", "keep", "change", "keep"), ("saves",) * 4, (512, 640, 640, 512), 80)
    assert (row.decision_changes, row.pick_changes) == (1, 2)


def test_a_change_that_is_decided_is_made_before_the_next_night() -> None:
    """A function that costs half at another size is changed on its first night, and then left alone."""
    curve = Curve("half", (256, 512, 1024), (200.0, 100.0, 98.0))
    row = run_in_a_row(Work("raw", curve, MeasuredNoise(0.02, 0.0), 0, 1, 2))[0]
    assert (row.actions, row.reasons) == (("change", "keep"), ("saves", row.reasons[1]))
    assert row.invocations > 0


def test_figures_are_shares_of_all_runs() -> None:
    """One miss in four runs, two of them without a goal: 25 %, and 50 % of those with one."""
    none, tight, _ = tasks_of(raw_truth(CURVE, NOISE, 0), BUDGET)
    missed = int(np.argmax(tight.percentile_ms))
    runs = [
        score("ours", "raw", none, 0, Answer(none.best), 10, 10.0),
        score("ours", "raw", none, 1, Answer(none.best), 20, 10.0),
        score("ours", "raw", tight, 0, Answer(tight.best), 30, 10.0),
        score("ours", "raw", tight, 1, Answer(missed), 40, 10.0),
    ]
    row = figures(runs)
    assert row["invocations_mean"] == 25
    assert row["goal_missed"] == row["goal_missed_over_5pct"] == 0.25
    assert row["goal_missed_of_goal_runs"] == 0.5
    assert row["extra_cost_p90"] == pytest.approx(0)


def test_a_claim_is_wrong_where_the_pick_costs_more_or_misses_the_goal() -> None:
    """Four claims "within 5 %": two true, one too dear, one that misses its goal; a claim at 0.8 is no claim at 0.9."""
    none, tight, _ = tasks_of(raw_truth(CURVE, NOISE, 0), BUDGET)
    dear = int(np.argmax(none.cost))
    slow = int(np.argmax(tight.percentile_ms))
    runs = [
        score("ours", "raw", task, 0, Answer(pick, within_5_percent=probability), 10, 10.0)
        for task, pick, probability in (
            (none, none.best, 0.95), (none, dear, 0.95), (none, none.best, 0.8),
            (tight, tight.best, 0.95), (tight, slow, 0.95),
        )
    ]  # fmt: skip
    assert none.cost[dear] > 1.05 * none.cost[none.best]
    assert [(row["goal"], row["claims"], row["wrong"]) for row in claims_table(runs)] == [(None, 2, 1), (0.15, 2, 1)]
    row = figures(runs)
    assert (row["within_5_percent_claims"], row["within_5_percent_claims_wrong"]) == (4, 2)
    bands = {row["from"]: (row["runs"], row["met"]) for row in calibration_table(runs, WITHIN_5_PERCENT)}
    assert (bands[0.75], bands[0.925]) == ((1, 1.0), (4, 0.5))


def test_shared_files_are_read() -> None:
    """The curves and the noise that come with the benchmark are complete."""
    curves, noise = read_curves(DATA / "curves.jsonl"), read_noise(DATA / "noise.jsonl")
    assert len(curves) == 102
    assert set(noise) <= {curve.name for curve in curves}


@pytest.mark.parametrize(
    "line", ["{", '{"id": "x"}', '{"id": "x", "points": [{"memory_mb": 128, "mean_ms": 1}]}',
             '{"id": "x", "points": [{"memory_mb": 128, "mean_ms": -1}, {"memory_mb": 256, "mean_ms": 1}]}']
)  # fmt: skip
def test_a_bad_curve_is_named(tmp_path: Path, line: str) -> None:
    """A line that is no curve is refused with the file and its number."""
    path = tmp_path / "curves.jsonl"
    path.write_text(
        json.dumps({"id": "ok", "points": [{"memory_mb": 1, "mean_ms": 1}, {"memory_mb": 2, "mean_ms": 1}]})
    )
    path.write_text(path.read_text() + "\n" + line + "\n")
    with pytest.raises(ValueError, match=r"curves.jsonl:2"):
        read_curves(path)
