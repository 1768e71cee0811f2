"""The exhaustive answer on the examples: its file, its arithmetic, and what is said of a run beside it."""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.examples.command import Judged, add_arguments, json_row, mismatches, run, total_line
from bench.examples.exhaustive import (
    RunAnswer,
    answer_of,
    compare,
    doubt,
    exhaustive_answer,
    figures_at,
    figures_of,
    usable_sizes,
)
from bench.examples.grid import (
    ExampleGrid,
    Machine,
    SizeSamples,
    code_sha256,
    error_ratio,
    read_grids,
    this_machine,
    write_grids,
)
from bench.examples.measuring import grid_sizes
from tuner.application import application_root
from tuner.cli.examples import example_named, examples
from tuner.core.model import LatencyGoal
from tuner.core.money.pricing import prices_for

MACHINE = Machine("a processor", 2, "x86_64", "3.13")
PRICES = prices_for("us-east-1", "x86_64")
GOAL = LatencyGoal(95, 500)


def samples(memory_mb: int, *durations_ms: float, **fields: Any) -> SizeSamples:
    """A size with one environment for each duration, of two invocations that take as long."""
    rows = tuple((each, each) for each in durations_ms)
    billed = tuple(tuple(math.ceil(each) for each in row) for row in rows)
    return replace(SizeSamples(memory_mb, rows, billed, 100, {}, 0), **fields)


def grid(*sizes: SizeSamples) -> ExampleGrid:
    """A grid of an example that is made up."""
    return ExampleGrid("made-up", "0" * 64, MACHINE, sizes)


SCALING = grid(
    samples(128, 1600, 1602),
    samples(256, 802, 804),
    samples(512, 400, 402),
    samples(1024, 300, 302),
    samples(2048, 290, 292),
)
"""All CPU up to 512 MB, almost flat beyond: 128 MB is the cheapest by a hair, and the goal holds from 512 MB on."""


def answered(pick_mb: int, *, goal: LatencyGoal | None = GOAL, **fields: Any) -> RunAnswer:
    """A run that picked a size."""
    known = {"estimate_ms": 400.0, "verdict": "GOAL_MET", "confidence": 0.95, "tolerance": 0.05, "invocations": 20}
    return RunAnswer("made-up", goal, cpu_time=False, wall_s=20.0, pick_mb=pick_mb, **{**known, **fields})


def command(*typed: str) -> int:
    """The exit code of the command with these arguments."""
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return run(parser.parse_args(typed))


def test_the_file_gives_back_what_was_written(tmp_path: Path) -> None:
    """Grids survive the file, whatever their order, and no part of a file stays beside it."""
    failed = samples(64, failures={"Runtime.OutOfMemory": 1})
    other = replace(grid(failed, *SCALING.sizes), example="other")
    write_grids(tmp_path / "grids.jsonl", [SCALING, other])

    assert read_grids(tmp_path / "grids.jsonl") == {"made-up": SCALING, "other": other}
    assert [each.name for each in tmp_path.iterdir()] == ["grids.jsonl"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda record: record.pop("machine"), "machine"),
        (lambda record: record["machine"].pop("cores"), "cores"),
        (lambda record: record.update(sizes=[]), "no size has a warm invocation"),
        (lambda record: record["sizes"][0].update(duration_ms=[[1.0, -2.0], [1.0, 2.0]]), "no positive number"),
        (lambda record: record["sizes"][0].update(duration_ms=[[1.0, math.nan], [1.0, 2.0]]), "no positive number"),
        (lambda record: record["sizes"][0].update(billed_ms=[[1]]), "not as many billed"),
        (lambda record: record["sizes"][0].update(duration_ms=[], billed_ms=[]), "neither a warm invocation"),
        (lambda record: record["sizes"][0].update(duration_ms=[[]], billed_ms=[[]]), "not as many billed"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, change: Any, reason: str) -> None:
    """A line that is no grid is refused with the file, its number and the reason."""
    path = tmp_path / "grids.jsonl"
    write_grids(path, [SCALING])
    record = json.loads(path.read_text())
    change(record)
    path.write_text(f"{path.read_text()}\n{json.dumps(record)}\n")

    with pytest.raises(ValueError, match=rf"grids\.jsonl:3 is no measured example.*{reason}"):
        read_grids(path)


def test_the_sizes_are_dense_and_end_where_a_run_ends() -> None:
    """Two cores give 128 to 3,520 MB with one vCPU among them; a large machine gives all that Lambda has."""
    two_cores = grid_sizes(3538)

    assert {128, 1769, 3008, 3520} <= set(two_cores)
    assert 16 <= len(two_cores) <= 20
    assert max(two_cores) == 3520
    assert max(grid_sizes(10_240)) == 10_240


def test_the_cheapest_size_that_meets_the_goal_is_the_answer() -> None:
    """Without a goal the cheapest; with one the cheapest that meets it; with one too tight the nearest."""
    with_goal = [figures_of(row, GOAL, PRICES) for row in SCALING.sizes]
    tight = LatencyGoal(95, 300)
    with_tight = [figures_of(row, tight, PRICES) for row in SCALING.sizes]
    impossible = LatencyGoal(95, 10)
    with_impossible = [figures_of(row, impossible, PRICES) for row in SCALING.sizes]

    assert exhaustive_answer("x", [replace(row, percentile_ms=None) for row in with_goal], None).best.memory_mb == 128
    assert exhaustive_answer("x", with_goal, GOAL).best.memory_mb == 512
    assert exhaustive_answer("x", with_tight, tight).best.memory_mb == 2048
    nearest = exhaustive_answer("x", with_impossible, impossible)
    assert (nearest.best.memory_mb, nearest.possible) == (2048, False)
    with pytest.raises(ValueError, match="x has no usable size"):
        exhaustive_answer("x", [], None)


def test_sizes_that_fail_or_are_almost_full_are_no_answers() -> None:
    """A failure at a size rules it out, and so does memory above the headroom that the product asks for."""
    failing = samples(128, failures={"Runtime.OutOfMemory": 1})
    sometimes = samples(192, 10, failures={"timeout": 1})
    full = samples(256, 10, max_memory_used_mb=231)
    enough = samples(512, 400, 402, max_memory_used_mb=231)

    assert usable_sizes(grid(failing, sometimes, full, enough)) == [enough]


def test_figures_between_two_sizes_lie_between_theirs() -> None:
    """A measured size has its own figures, one between two has interpolated ones, one beyond has none."""
    known = [figures_of(row, GOAL, PRICES) for row in SCALING.sizes]
    between = figures_at(384, known, PRICES)

    assert figures_at(512, known, PRICES) == known[2]
    assert between is not None
    assert between.mean_billed_ms == pytest.approx(803 * 256 / 384, rel=0.05)
    assert between.percentile_ms is not None
    assert 402 < between.percentile_ms < 804
    assert between.error_ratio == max(known[1].error_ratio, known[2].error_ratio)
    assert figures_at(64, known, PRICES) is None
    assert figures_at(3008, known, PRICES) is None


def test_cost_is_the_products_own() -> None:
    """A million invocations of 401 ms at 512 MB cost compute and requests at list price."""
    figures = figures_of(SCALING.sizes[2], None, PRICES)

    assert figures.cost_per_million_usd == pytest.approx(0.401 * 0.5 * 16.6667 + 0.2, rel=1e-4)
    assert figures.percentile_ms is None


def test_the_error_of_a_mean_comes_from_environments() -> None:
    """Many invocations on one environment say nothing of the others."""
    assert error_ratio([[100.0] * 50, [110.0] * 50]) == pytest.approx(5 / 105)
    assert error_ratio([[100.0, 120.0]]) == math.inf


def test_the_exhaustive_pick_is_within() -> None:
    """A run that picks the exhaustive answer has no extra cost, and no error of its own."""
    found = compare(answered(512), SCALING, PRICES)

    assert (found.extra_cost_ratio, found.error_ratio, found.within) == (0.0, 0.0, True)
    assert found.over_limit_ratio == pytest.approx(402 / 500 - 1)
    assert found.speed_ratio == pytest.approx(400 / 401 - 1)


@pytest.mark.parametrize(
    ("pick_mb", "within"),
    [(1024, False), (256, False), (384, False), (64, False)],
    ids=["too dear", "misses the goal", "misses it by interpolation", "not in the grid"],
)
def test_other_picks_are_not_within(pick_mb: int, within: bool) -> None:
    """Too dear, too slow or unknown: not the exhaustive answer."""
    assert compare(answered(pick_mb), SCALING, PRICES).within is within


def test_the_tolerance_decides() -> None:
    """The same pick is within a tolerance that is as large as its extra cost."""
    found = compare(answered(1024, tolerance=0.6), SCALING, PRICES)

    assert found.extra_cost_ratio is not None
    assert 0.4 < found.extra_cost_ratio < 0.6
    assert found.within
    assert found.error_ratio == pytest.approx(
        math.hypot(*(figures_of(SCALING.sizes[at], None, PRICES).error_ratio for at in (2, 3)))
    )


def test_an_impossible_goal_must_not_be_claimed() -> None:
    """Where no size meets the goal, any pick is right that does not say it does."""
    goal = LatencyGoal(95, 10)

    assert compare(answered(2048, goal=goal, verdict="GOAL_NOT_MET"), SCALING, PRICES).within
    assert not compare(answered(2048, goal=goal, verdict="GOAL_MET"), SCALING, PRICES).within


def test_a_failed_run_is_a_row() -> None:
    """A run that failed has the exhaustive answer beside it, and no figures; JSON has no NaN for them."""
    failed = RunAnswer("made-up", GOAL, cpu_time=True, wall_s=1.0, error="InvalidRequest: no")
    row = json_row(Judged(compare(failed, SCALING, PRICES), doubt(failed, SCALING, PRICES)))

    assert (row["within"], row["extra_cost_ratio"], row["run"]["confidence"]) == (False, None, None)
    assert row["exhaustive"]["best"]["memory_mb"] == 512
    json.dumps(row, allow_nan=False)


def test_noise_of_the_grid_is_doubt() -> None:
    """A clear grid always gives the same answer; one whose environments differ by half does not."""
    clear = doubt(answered(512), SCALING, PRICES)
    noisy = grid(samples(512, 300, 450, 380), samples(640, 240, 380, 290))
    doubtful = doubt(answered(512), noisy, PRICES)

    assert (clear.within_share, clear.low_mb, clear.high_mb) == (1.0, 512, 512)
    assert 0.05 < doubtful.within_share < 0.95
    assert (doubtful.low_mb, doubtful.high_mb) == (512, 640)
    assert doubt(answered(512), noisy, PRICES) == doubtful


def test_a_report_is_read() -> None:
    """Pick, estimate, verdict, tolerance and invocations come out of a report as the schema has it."""
    report = json.loads((application_root() / "docs/schema/examples/local.json").read_text())
    found = answer_of(report, example="image-resize", goal=GOAL, cpu_time=True, wall_s=30.0)

    assert (found.pick_mb, found.estimate_ms, found.verdict) == (640, 335.1558, "GOAL_MET")
    assert (found.tolerance, found.invocations, found.cpu_time) == (0.05, 69, True)


def test_the_total_counts_all_runs() -> None:
    """Right picks are counted among all runs, invocations and cost among those that ended."""
    failed = replace(answered(0), error="ServiceError: no")
    rows = [compare(each, SCALING, PRICES) for each in (answered(512), answered(1024, invocations=30), failed)]

    assert total_line(rows).startswith(
        "Without CPU time: 1 of 3 picks are the exhaustive answer within the tolerance; 25.0 invocations in the mean;"
    )


def test_another_machine_and_another_example_are_told() -> None:
    """A measurement of another machine, or of an example that has changed since, is no truth."""
    example = example_named("io-wait")
    same = replace(SCALING, example="io-wait", machine=this_machine(), code_sha256=code_sha256(example))

    assert mismatches([example], {"io-wait": same}, this_machine()) == []
    (other,) = mismatches([example], {"io-wait": replace(same, machine=MACHINE)}, this_machine())
    assert other.startswith("io-wait was measured on another machine (a processor, 2 cores, x86_64, Python 3.13;")
    (changed,) = mismatches([example], {"io-wait": replace(same, code_sha256="0")}, this_machine())
    assert changed.startswith("io-wait has changed since it was measured")


def test_without_a_measurement_the_command_says_how_to_take_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A missing file, one without the example asked for, a damaged one and an unknown example end with a sentence."""
    path = tmp_path / "grids.jsonl"
    assert command("--data", str(path)) == 2
    assert capsys.readouterr().err.endswith("does nothing else: python -m bench examples --measure\n")

    write_grids(path, [replace(SCALING, example="io-wait")])
    assert command("--data", str(path), "--example", "compression") == 2
    assert "--measure --example compression" in capsys.readouterr().err

    path.write_text("{")
    assert command("--data", str(path)) == 2
    assert "grids.jsonl:1 is no measured example" in capsys.readouterr().err

    assert command("--data", str(path), "--example", "nothing") == 2
    assert capsys.readouterr().err.startswith("There is no example named 'nothing'.\nThere are: image-resize")


def test_a_place_that_cannot_be_written_is_told_before_anything_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither a measurement nor runs of minutes are lost at their end for want of a folder."""
    nowhere = tmp_path / "nowhere" / "file"

    assert command("--measure", "--data", str(nowhere)) == 2
    assert capsys.readouterr().err.startswith(f"{nowhere} cannot be written.")
    assert command("--json", str(nowhere)) == 2
    assert capsys.readouterr().err.startswith(f"{nowhere} cannot be written.")


def test_measuring_keeps_what_is_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Examples that the file has are not measured again unless that is asked for."""
    path = tmp_path / "grids.jsonl"
    write_grids(path, [replace(SCALING, example=example.name) for example in examples()])
    before = path.read_bytes()

    assert command("--data", str(path), "--measure") == 0
    assert path.read_bytes() == before
    assert capsys.readouterr().err.count("kept as it is") == len(examples())
