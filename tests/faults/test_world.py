"""The world in one process: its pace, its view into the interpreter, and that copies of it are apart."""

from __future__ import annotations

import json

from tests.faults.test_matrix import python

_WATCH = """
import json, tempfile, time
from pathlib import Path
from tests.faults.world import World
world = World(Path(tempfile.mkdtemp()))
entered, offered = [], []
world.state_entered = lambda execution, state: entered.append(state)
def time_out_s(state, seconds):
    offered.append([state, seconds])
    return 0.05 if state == "Hangs" else seconds
world.time_out_s = time_out_s
plan = next(row["FunctionArn"] for row in world.own_functions() if row["FunctionName"].endswith("-plan"))
world.handlers["lambda-tuner-plan"] = lambda event, context: time.sleep(500)
definition = {"StartAt": "Waits", "States": {
    "Waits": {"Type": "Wait", "Seconds": 300, "Next": "Hangs"},
    "Hangs": {"Type": "Task", "Resource": plan, "TimeoutSeconds": 120,
              "Retry": [{"ErrorEquals": ["States.Timeout"], "IntervalSeconds": 300, "MaxAttempts": 1}],
              "Catch": [{"ErrorEquals": ["States.Timeout"], "Next": "Ends"}], "Next": "Ends"},
    "Ends": {"Type": "Pass", "End": True}}}
role = world.client("iam").get_role(RoleName="orders")["Role"]["Arn"]
machine = world.client("stepfunctions").create_state_machine(
    name="watched", definition=json.dumps(definition), roleArn=role)["stateMachineArn"]
started = time.monotonic()
arn = world.client("stepfunctions").start_execution(stateMachineArn=machine, input="{}")["executionArn"]
world.settle()
print(json.dumps({"entered": entered, "offered": offered, "status": world.describe(arn)["status"],
                  "took_s": time.monotonic() - started}))
"""

_COPIES = """
import json, tempfile
from pathlib import Path
from tests.faults.matrix import in_copies
from tests.faults.world import World
world = World(Path(tempfile.mkdtemp()))
def job(name):
    world.client("s3").put_object(Bucket=world.bucket, Key=name, Body=b"1")
    if name == "dies":
        import os; os._exit(3)
    return {"keys": world.stored()}
rows = dict(in_copies(world, [lambda name=name: job(name) for name in ("a", "dies", "c")], at_once=2))
print(json.dumps([rows[0], rows[1], rows[2], world.stored()]))
"""


def test_executions_are_followed_state_by_state_at_our_pace() -> None:
    """Waits and retries take a thousandth of their time, and a state's time-out is what the test says."""
    run = python("-c", _WATCH)
    assert run.returncode == 0, run.stderr[-2000:]
    seen = json.loads(run.stdout.splitlines()[-1])
    assert seen["entered"] == ["Waits", "Hangs", "Ends"]
    assert seen["status"] == "SUCCEEDED"
    assert ["Hangs", 120.0] in seen["offered"]
    assert seen["took_s"] < 200


def test_copies_of_the_world_are_apart() -> None:
    """What one leaves is not there for the next, nor for the original; one that dies is told of."""
    run = python("-c", _COPIES)
    assert run.returncode == 0, run.stderr[-2000:]
    first, died, third, original = json.loads(run.stdout.splitlines()[-1])
    assert (first, third, original) == ({"keys": ["a"]}, {"keys": ["c"]}, [])
    assert "its process ended" in died["broken"]


def test_the_world_keeps_the_contracts_of_all_stand_ins() -> None:
    """What holds of the unit tests' and of the embedded AWS holds of this account."""
    run = python("-m", "pytest", "-n0", "-q", "-p", "no:cacheprovider", "tests/faults/contracts.py")
    assert run.returncode == 0, run.stdout[-4000:]
