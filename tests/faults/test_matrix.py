"""A twentieth of the fault matrix, and that the matrix would notice what it is there to notice."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.faults import kinds
from tests.faults.cells import Cell, part_of, share_of
from tests.faults.cleaners import is_too_late, rule_for

_LIMIT_S = 900
"""Three minutes on two quiet cores; far more than a busy machine needs."""

pytestmark = pytest.mark.timeout(_LIMIT_S + 60)

ROOT = Path(__file__).parents[2]


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a process of its own: the world changes its process for good."""
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=False, timeout=_LIMIT_S
    )


def test_a_twentieth_of_all_faults_is_survived() -> None:
    """The same twentieth every time; `make faults` tries them all."""
    run = python("-m", "tests.faults", "--share", "0.05", "--seed", "1")
    assert run.returncode == 0, run.stdout[-8000:] + run.stderr[-2000:]
    assert "survived with nothing left" in run.stdout


def test_shares_are_seeded_and_take_every_kind() -> None:
    """A share is the same for the same seed, another for another one, and prefers no kind of fault."""
    cells = [Cell("well", "call", "plan", 1, number, kind) for number in range(1, 200) for kind in kinds.CALL_FAULTS]
    first = share_of(cells, 0.1, 1)
    assert first == share_of(cells[::-1], 0.1, 1)
    assert first != share_of(cells, 0.1, 2)
    assert len(first) == round(len(cells) * 0.1)
    assert {cell.kind for cell in first} == set(kinds.CALL_FAULTS)


def test_parts_are_the_whole() -> None:
    """Each cell is in one of them, in whichever order they are made; none is much larger than the others."""
    cells = [Cell("well", "call", "plan", 1, number, kind) for number in range(1, 200) for kind in kinds.CALL_FAULTS]
    parts = [part_of(cells, number, 4) for number in (1, 2, 3, 4)]
    assert sorted(cell for part in parts for cell in part) == sorted(cells)
    assert set(part_of(cells[::-1], 2, 4)) == set(parts[1])
    assert max(map(len, parts)) < 1.5 * min(map(len, parts))


_PLAY = """
import json, sys, tempfile
from dataclasses import asdict
from pathlib import Path
from tests.faults.cells import Cell, record
from tests.faults.matrix import in_copies
from tests.faults.stories import STORIES
from tests.faults.verdict import judge
from tests.faults.world import World
world = World(Path(tempfile.mkdtemp()))
names, sabotages = json.loads(sys.argv[1])
def break_(sabotage):
    exec(sabotage, {"world": world})
    return {"problems": judge(world, Cell("well", "call", "recommend", 1, 1, "crash")).problems}
jobs = {story.name: lambda story=story: asdict(record(world, story)) for story in STORIES if story.name in names}
jobs |= {what: lambda sabotage=sabotage: break_(sabotage) for what, sabotage in sabotages.items()}
rows = dict(in_copies(world, list(jobs.values()), at_once=2))
print(json.dumps({name: rows[index] for index, name in enumerate(jobs)}))
"""

STORIES = ("well", "expiring", "reserving", "long", "unrestored")
SABOTAGES = {
    "a clone that nobody removes": (
        "from tuner.aws.clones import Clones\n"
        "Clones.delete = lambda self, name: True\n"
        "Clones.exists = lambda self, name: False",
        "left behind: lambda-tuner-clone-",
    ),
    "a function that a run touches": (
        "old = world.handlers['lambda-tuner-copy-code']\n"
        "def touch(event, context):\n"
        "    arn = 'arn:aws:lambda:us-east-1:123456789012:function:orders'\n"
        "    world.client('lambda').tag_resource(Resource=arn, Tags={'a': 'b'})\n"
        "    return old(event, context)\n"
        "world.handlers['lambda-tuner-copy-code'] = touch",
        "the function's tags changed",
    ),
    "a fault that is not where it was": (
        "world.handlers['lambda-tuner-recommend'] = lambda event, context: {}",
        "the fault never struck",
    ),
    "a report that nobody writes": (
        "world.handlers['lambda-tuner-report'] = lambda event, context: {}",
        "there is no report",
    ),
    "an error without a sentence": (
        "world.handlers['lambda-tuner-explain-failure'] = lambda event, context: {'name': 'Strange', 'cause': 'no'}",
        "which is no error of ours",
    ),
}


@pytest.fixture(scope="module")
def seen() -> dict[str, Any]:
    """What some stories do; and what a cell says that survives otherwise, with each promise broken on purpose."""
    sabotages = {what: sabotage for what, (sabotage, _) in SABOTAGES.items()}
    run = python("-c", _PLAY, json.dumps([STORIES, sabotages]))
    assert run.returncode == 0, run.stderr[-2000:]
    return dict(json.loads(run.stdout.splitlines()[-1]))


def test_stories_go_where_they_are_meant_to(seen: dict[str, Any]) -> None:
    """Expired code is copied again, copies reserve concurrency, a batch goes on, what cannot be undone is reported."""

    def calls_of(story: str) -> list[str]:
        return [call for *_, call in seen[story]["calls"]]

    def reserves(story: str) -> int:
        return sum("PutFunctionConcurrency" in call for call in calls_of(story))

    def repeated(story: str) -> int:
        batches = sum(state == "Measure" for state, _ in seen[story]["states"])
        return sum(function == "measure" for function, _, _ in seen[story]["visits"]) - batches

    assert (reserves("well"), repeated("well")) == (0, 0)
    copied = [function for function, _, _ in seen["expiring"]["visits"]].count("copy-code")
    puts = sum("PutObject clones/" in call for call in calls_of("expiring"))
    assert (copied, puts) == (2, 2)
    assert reserves("reserving") > 0
    assert repeated("long") > 0
    assert "s3:PutObject runs/run-1/report.json" in calls_of("unrestored")


@pytest.mark.parametrize("what", SABOTAGES)
def test_the_matrix_sees_what_is_wrong(what: str, seen: dict[str, Any]) -> None:
    """With each promise broken on purpose, a cell that else survives names what is wrong."""
    problems = seen[what].get("problems", seen[what])
    assert any(SABOTAGES[what][1] in problem for problem in problems), problems


@pytest.mark.parametrize(
    ("cell", "cleaner"),
    [
        (Cell("well", "step", "measure", 1, 0, "crash", "tune.Measure"), "the run"),
        (Cell("well", "call", "restore", 1, 3, "denied", "tune.Restore lambda:DeleteFunction …"), "the run"),
        (Cell("well", "state", "Recommend", 1, 0, "aborted"), "restore"),
        (Cell("failing", "step", "restore", 1, 0, "crash", "tune.RestoreAfterFailure"), "restore"),
        (Cell("failing", "step", "restore", 1, 0, "throttled", "tune.RestoreAfterFailure"), "the run"),
        (Cell("well", "state", "Recommend", 1, 0, "aborted, no event"), "the sweeper"),
        (Cell("stopped", "step", "restore", 1, 0, "crash", "restore.Restore"), "the sweeper"),
        (Cell("stopped", "step", "restore", 1, 0, "throttled", "restore.Restore"), "restore"),
        (Cell("well", "state", "Restore", 1, 4, "object lost", "runs/run-1/plan.json"), "the sweeper"),
        (Cell("well", "state", "Restore", 1, 4, "object lost", "runs/run-1/search.json"), "the run"),
    ],
    ids=str,
)
def test_clean_up_is_left_to_whom_the_fault_leaves_it(cell: Cell, cleaner: str) -> None:
    """The sweeper is the one only where restore itself, the event or the plan was hit."""
    assert rule_for(cell).cleaner == cleaner
    assert is_too_late(cell, "the sweeper") == (cleaner != "the sweeper")
    assert not is_too_late(cell, "the run")
