"""The benchmark's simulation of the CPU quota: against a real function, and against each tick by itself."""

from __future__ import annotations

import argparse
import gzip
import json
import re
from pathlib import Path

import numpy as np
import pytest

from bench.algorithms import ALGORITHMS
from bench.algorithms.ours import measure_batch
from bench.quota import add_arguments, run
from bench.quota_truth import (
    FREE_MB,
    GRID_MB,
    QUOTA_COUNT,
    QUOTA_KINDS,
    Piece,
    QuotaTruth,
    durations_ms,
    quota_of,
    quota_truth,
)
from bench.recorded import read_recorded
from bench.replay import Replay
from bench.steps import measured
from bench.truth import tasks_of
from tuner.core.model import Batch, TuningBudget

BUDGET = TuningBudget(50, 1e9, 1e9)
SEEN_MEAN_MS = {int(row["memory_mb"]): row["mean_ms"] for row in measured()}
"""Of a function with 17.4 ms of CPU."""
SEEN_CROSSING_MB = {130: 212, 110: 246, 90: 296, 70: 367, 50: 484, 30: 716}
"""Where its mean passes so many milliseconds."""


def one_burst(memory_mb: tuple[int, ...]) -> QuotaTruth:
    """The function of the table."""
    return QuotaTruth("seen", memory_mb, (Piece(0.0, 17.4),))


def test_the_means_are_those_of_a_real_function() -> None:
    """Median and worst error, and those of the sizes about the last step, are those stated for the rule."""
    seen_ms = np.array(list(SEEN_MEAN_MS.values()))
    error = one_burst(tuple(SEEN_MEAN_MS)).mean_ms / seen_ms - 1
    assert np.median(np.abs(error)) <= 0.046
    assert np.abs(error).max() <= 0.15
    stated = {487: -0.03, 699: -0.03, 752: 0.08, 841: 0.06, 1053: 0.08}
    at = [list(SEEN_MEAN_MS).index(memory_mb) for memory_mb in stated]
    assert error[at] == pytest.approx(list(stated.values()), abs=0.015)


def test_the_steps_stand_where_a_real_function_has_them() -> None:
    """The mean passes 130 to 50 ms at most 5 % in memory early, and 30 ms 2 % late."""
    memory_mb = tuple(range(180, 760, 2))
    mean_ms = one_burst(memory_mb).mean_ms
    for limit_ms, seen_mb in SEEN_CROSSING_MB.items():
        crossing_mb = memory_mb[int(np.argmax(mean_ms < limit_ms))]
        low, high = (0.01, 0.03) if limit_ms == 30 else (-0.05, 0.01)
        assert low <= crossing_mb / seen_mb - 1 <= high, limit_ms


def tick_by_tick_ms(pieces: tuple[Piece, ...], quota_ms: float, start_ms: float, share: float) -> float:
    """The same rule for one invocation, a hundredth of a millisecond at a time."""
    step, tick, period = 0.01, 400, 2000
    now = first = round(start_ms / step)
    left_ms, idle, running = quota_ms, 0, True  # idle: steps since the CPU was used
    held = False

    def pass_time(threads: int) -> None:
        nonlocal now, left_ms, held, idle, running
        if running:
            now += 1
            left_ms -= threads * step
            idle = 0 if threads else idle + 1
            if now % tick == 0:
                boundary = now % period == 0
                if boundary:
                    left_ms = min(quota_ms, left_ms + quota_ms)
                    running = idle < period or left_ms < quota_ms - 1e-6
                if threads or held:
                    held = left_ms <= 1e-6 if boundary else held or left_ms <= 1e-6

    waited = 0
    for piece in pieces:
        for _ in range(round(piece.wait_ms / step)):
            waited += not running
            pass_time(0)
        if not running:
            # A clock of its own from here on.
            waited += now - first
            now = first = 0
            running, left_ms = True, quota_ms
        if piece.wait_ms:
            held = left_ms <= 1e-6
        second = round(piece.cpu_ms * share / step)
        alone = round(piece.cpu_ms / step) - 2 * second
        for threads, count in ((2, second), (1, alone)):
            done = 0
            while done < count:
                done += not held
                pass_time(0 if held else threads)
    return (waited + now - first) * step


@pytest.mark.parametrize("seed", range(12))
def test_the_fast_way_is_the_slow_one(seed: int) -> None:
    """Any pieces, threads, quota and start: all at once, and by steps of a hundredth of a millisecond."""
    generator = np.random.default_rng(seed)
    pieces = tuple(
        Piece(float(w), float(c))
        for w, c in zip(
            [0.0, *generator.choice([1.5, 7.31, 26.0, 61.47], 3)], np.round(generator.uniform(0, 25, 4), 2), strict=True
        )
    )
    share = (0.0, 0.3)[seed % 2]
    pieces = tuple(Piece(piece.wait_ms, round(piece.cpu_ms, 1)) for piece in pieces)
    memory_mb = [130, 208, 415, 750, 1408, 2990]
    start_ms = (0.0, 3.25, 7.0)[seed % 3]
    one = np.ones(1)
    fast_ms = durations_ms(pieces, quota_of(memory_mb), np.array([start_ms]), one, one, second_thread=share)
    slow_ms = [tick_by_tick_ms(pieces, quota_ms, start_ms, share) for quota_ms in quota_of(memory_mb)]
    assert fast_ms == pytest.approx(slow_ms, abs=0.05)


def test_a_short_burst_is_never_held_back() -> None:
    """What one budget covers runs at full speed, at the same speed as with all of a vCPU."""
    pieces = (Piece(0.0, 5.0), Piece(100.0, 5.0))
    one = np.ones(1)
    at = durations_ms(pieces, quota_of([512, 1769]), np.zeros(1), one, one)
    assert at == pytest.approx([110.0, 110.0])


def test_the_truth_is_what_a_replay_answers() -> None:
    """Mean and p95 by enumeration against 8,000 invocations on as many environments, at a size with steps."""
    truth = quota_truth(9)
    index = truth.memory_mb.index(1088)
    replay = Replay(tasks_of(truth, BUDGET)[0], (5,))
    samples = [replay.invoke(index, slot).duration_ms for slot in range(8000)]
    assert np.mean(samples) == pytest.approx(truth.mean_ms[index], rel=0.01)
    below = np.mean(np.array(samples) <= truth.percentile_ms(95)[index] * (1 + 1e-9))
    assert below == pytest.approx(0.95, abs=0.01)


def test_the_family_is_as_wide_as_it_is_said_to_be() -> None:
    """Enough functions for 900 runs with three seeds; CPU 3 to 150 ms, waits up to 300, one or two threads."""
    family = [quota_truth(position) for position in range(QUOTA_COUNT)]
    cpu_ms = [sum(piece.cpu_ms for piece in truth.pieces) for truth in family]
    wait_ms = [sum(piece.wait_ms for piece in truth.pieces) for truth in family]
    assert 3 <= min(cpu_ms) < 4
    assert 120 < max(cpu_ms) <= 150
    assert min(wait_ms) == 0
    assert 200 < max(wait_ms) <= 300
    assert {len(truth.pieces) for truth in family} == {1, 2, 3, 4, 5}
    assert 0 < sum(truth.second_thread > 0 for truth in family) < len(family) / 2
    assert 3 * sum(len(tasks_of(truth, BUDGET)) for truth in family) >= 900


def test_the_kinds_are_the_same_functions() -> None:
    """Free sizes hold the grid's with the same durations; only one kind tells CPU times, 2 % off."""
    grid, free, cpu = (QUOTA_KINDS[kind](3) for kind in ("quota", "quota-free", "quota-cpu"))
    assert (grid.memory_mb, free.memory_mb) == (GRID_MB, FREE_MB)
    assert len(FREE_MB) > 2 * len(GRID_MB)
    at = [free.memory_mb.index(memory_mb) for memory_mb in GRID_MB]
    assert free.mean_ms[at] == pytest.approx(grid.mean_ms)
    told = [cpu.environment(0, np.random.default_rng(slot))().cpu_ms for slot in range(400)]
    assert np.median([ms for ms in told if ms is not None]) == pytest.approx(115.8, rel=0.01)
    assert grid.environment(0, np.random.default_rng(1))().cpu_ms is None


@pytest.mark.parametrize("name", ALGORITHMS)
def test_every_algorithm_answers(name: str) -> None:
    """Ours and its peers, with CPU times in their invocations."""
    task = tasks_of(QUOTA_KINDS["quota-cpu"](1), BUDGET)[1]
    assert 0 <= ALGORITHMS[name](task, Replay(task, (4,)), 0).pick < len(GRID_MB)


def test_our_search_is_told_the_cpu_time() -> None:
    """What the replay's invocation tells is in the observation."""
    task = tasks_of(QUOTA_KINDS["quota-cpu"](1), BUDGET)[0]
    seen = measure_batch(task, Replay(task, (1,)), Batch(0, 0, task.problem.candidates[3], 4, 2, ""))
    assert all(invocation.cpu_ms is not None and invocation.cpu_ms > 20 for invocation in seen.invocations)


def recorded_lines(seen_ms: dict[int, list[list[float]]]) -> str:
    """A file of the durations of each size's environments."""
    return "".join(
        json.dumps({"m": memory_mb, "b": number, "ms": row}) + "\n"
        for memory_mb, rows in seen_ms.items()
        for number, row in enumerate(rows)
    )


def command(*arguments: object) -> int:
    """``python -m bench quota``, in this process."""
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return run(parser.parse_args([str(argument) for argument in arguments]))


@pytest.mark.parametrize("zipped", [False, True])
def test_an_environment_is_read_on_from_a_random_place(tmp_path: Path, zipped: bool) -> None:
    """One environment's durations in their order, begun anywhere and begun again after the last."""
    path = tmp_path / "raw.jsonl"
    text = recorded_lines({128: [[1, 2, 3, 4], [10, 20, 30]], 256: [[1, 1]]}).encode()
    path.write_bytes(gzip.compress(text) if zipped else text)
    truth = read_recorded(path)
    assert truth.mean_ms == pytest.approx([10, 1])
    assert truth.percentile_ms(50) == pytest.approx([4, 1])
    begun = set()
    for seed in range(60):
        invoke = truth.environment(0, np.random.default_rng(seed))
        seen = [invoke().duration_ms for _ in range(5)]
        order = [1, 2, 3, 4] if seen[0] < 10 else [10, 20, 30]
        begun.add(seen[0])
        at = order.index(seen[0])
        assert seen == [order[(at + step) % len(order)] for step in range(5)]
    assert begun == {1, 2, 3, 4, 10, 20, 30}


def test_the_command_runs_on_a_made_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file from the simulation, some of its sizes, a row a goal with the best size as the simulation has it."""
    raw, out, sizes = tmp_path / "raw.jsonl.gz", tmp_path / "rows.json", "384,512,768,1024,1792"
    assert command("--make-raw", raw, "--cpu-ms", "17.26", "--sizes", f"{sizes},256") == 0
    assert command("--raw", raw, "--sizes", sizes, "--seeds", 2, "--jobs", 1, "--json", out) == 0
    rows = json.loads(out.read_text())
    assert [row["goal"] for row in rows] == [None, 0.15, 0.5]
    made = QuotaTruth("made", tuple(map(int, sizes.split(","))), (Piece(0.0, 17.26),))
    assert [row["best_mb"] for row in rows] == [made.memory_mb[task.best] for task in tasks_of(made, BUDGET)]
    for row in rows:
        assert list(row) == ["goal", "best_mb", "invocations_mean", "extra_cost_median", "extra_cost_p90",
                             "goal_missed", "claims", "claims_wrong"]  # fmt: skip
        assert 0 <= row["claims_wrong"] <= row["claims"] <= 2
        assert 3 <= row["invocations_mean"] <= 50
    assert "best_mb" in capsys.readouterr().out


GOOD = recorded_lines({128: [[2.0, 3.0]], 256: [[1.0]]})


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        (GOOD + "{", (), "raw.jsonl:3 is not JSON"),
        (GOOD + "[1]", (), "raw.jsonl:3 is not {"),
        ('{"m": 128, "ms": [1]}', (), "raw.jsonl:1 .* no b"),
        ("", (), "raw.jsonl has no durations"),
        ("\n\n", (), "raw.jsonl has no durations"),
        (GOOD.splitlines()[0], (), "raw.jsonl: .*at least two memory sizes.* 128 MB alone"),
        (GOOD, ("--sizes", "256"), "raw.jsonl: .*at least two memory sizes.* 256 MB alone"),
        (GOOD, ("--sizes", "128,192"), "raw.jsonl has no durations at 192 MB, but at 128, 256 MB"),
        (GOOD, ("--sizes", "128,x"), "--sizes: 'x'"),
        (GOOD, ("--seeds", "0"), "--seeds"),
        (GOOD + '{"m": 512, "b": 1, "ms": [1, -2]}', (), "raw.jsonl:3: .* above 0, not -2"),
        (GOOD + '{"m": 512, "b": 1, "ms": [NaN]}', (), "raw.jsonl:3: .* above 0, not NaN"),
        (GOOD + '{"m": 512, "b": 1, "ms": ["1"]}', (), "raw.jsonl:3: .* above 0"),
        (GOOD + '{"m": 512, "b": 1, "ms": []}', (), "raw.jsonl:3: .*at least one"),
        (GOOD + '{"m": 512.5, "b": 1, "ms": [1]}', (), "raw.jsonl:3: .*memory size"),
        ("\x1f\x8bno", (), "raw.jsonl is no complete gzip file"),
        ("\xff", (), "raw.jsonl:1 is not UTF-8"),
        (None, (), "raw.jsonl: No such file"),
    ],
)
def test_bad_input_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | None, options: tuple[str, ...], said: str
) -> None:
    """Exit code 2, and one line that names the file and, where there is one, the line."""
    path = tmp_path / "raw.jsonl"
    if text is not None:
        path.write_bytes(text.encode("latin-1"))
    assert command("--raw", path, *options) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(said, line)
