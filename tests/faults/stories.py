"""The runs into which faults are put: between them they enter every state of ``tune`` and make every AWS call."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass

from tests.faults.world import PROCESSOR_ARN, TARGET, World

RUN = "run-1"
NEXT_RUN = "run-2"
REQUEST = {"lambdaARN": TARGET, "memory": [256, 512], "budget": {"maxInvocations": 4}}

SWEEPS = 3
"""How often the sweeper may come: a fault may meet it, too, and it comes every hour."""


@dataclass(frozen=True, slots=True)
class Story:
    """What happens in a run besides the fault."""

    name: str
    play: Callable[[World], None]
    tells: str
    prepare: Callable[[World], None] = lambda world: None
    """Makes the function what the story needs, before anybody looks at it."""
    ends: str = "SUCCEEDED"
    """How its run ends if nothing fails."""


def _well(world: World) -> None:
    world.start("tune", REQUEST, name=RUN)
    world.settle_with_pauses()


def _failing(world: World) -> None:
    world.target_fails = True
    _well(world)


def _refused(world: World) -> None:
    world.start("tune", {"lambdaARN": f"{TARGET}-missing"}, name=RUN)
    world.settle_with_pauses()
    world.start("restore", {"runId": "never"})
    world.settle()


def _unworded(world: World) -> None:
    world.broken.add("explain-failure")
    _failing(world)


def _stopped(world: World) -> None:
    world.stop_at = ("MeasureBatches", 1)
    _well(world)


def _unrestored(world: World) -> None:
    world.broken |= {"restore", "explain-failure"}
    _stopped(world)


def _swept(world: World) -> None:
    world.events_are_lost = True
    _stopped(world)
    sweep(world)


def _followed(world: World) -> None:
    world.events_are_lost = True
    _stopped(world)
    world.stop_at = None
    world.next_day()
    world.start("tune", REQUEST, name=NEXT_RUN)
    world.settle_with_pauses()


def _expiring(world: World) -> None:
    world.expire_at = ("CreateClones", 2)
    _well(world)


def _reserving(world: World) -> None:
    sizes = {"memory": [256, 512, 1024, 2048], "budget": {"maxInvocations": 6}}
    world.start("tune", {**REQUEST, **sizes, "reservedConcurrency": 1}, name=RUN)
    world.settle_with_pauses()


def _slow(world: World) -> None:
    """One invocation may take so long that a task has time for one."""
    world.client("lambda").update_function_configuration(FunctionName=TARGET, Timeout=840)


def _long(world: World) -> None:
    world.start("tune", {**REQUEST, "budget": {"maxInvocations": 4, "maxMinutes": 240}}, name=RUN)
    world.settle_with_pauses()


def _with_snapshots(world: World) -> None:
    world.client("lambda").update_function_configuration(
        FunctionName=TARGET, SnapStart={"ApplyOn": "PublishedVersions"}
    )


def _snapshotting(world: World) -> None:
    world.start("tune", {**REQUEST, "snapStart": True}, name=RUN)
    world.settle_with_pauses()


def _surrounded(world: World) -> None:
    """A function with policies and a layer, and an event that lies in the bucket."""
    iam, functions = world.client("iam"), world.client("lambda")
    document = json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "logs:*", "Resource": "*"}]}
    )
    iam.put_role_policy(RoleName=TARGET, PolicyName="logs", PolicyDocument=document)
    policy = iam.create_policy(PolicyName="more-logs", PolicyDocument=document)["Policy"]["Arn"]
    iam.attach_role_policy(RoleName=TARGET, PolicyArn=policy)
    layer = functions.publish_layer_version(LayerName="tools", Content={"ZipFile": packed("# nothing")})
    functions.update_function_configuration(FunctionName=TARGET, Layers=[layer["LayerVersionArn"]])
    world.client("s3").put_object(Bucket=world.bucket, Key="payloads/orders.json", Body=b"{}")


def _around(world: World) -> None:
    world.tail_is_cut = True
    request = {
        **REQUEST,
        "payloadS3": f"s3://{world.bucket}/payloads/orders.json",
        "preProcessorARN": PROCESSOR_ARN,
        "postProcessorARN": PROCESSOR_ARN,
    }
    world.start("tune", request, name=RUN)
    world.settle_with_pauses()


def _orphaned(world: World) -> None:
    """A clone of this stack of which nobody knows whose it is."""
    _well(world)
    world.client("lambda").create_function(
        FunctionName="lambda-tuner-clone-of-nobody",
        Runtime="python3.13",
        Handler="app.handler",
        Role=world.client("iam").get_role(RoleName=TARGET)["Role"]["Arn"],
        Code={"ZipFile": packed("def handler(event, context): ...")},
        LoggingConfig={"LogGroup": "/lambda-tuner/clones"},
    )
    sweep(world)


def packed(source: str) -> bytes:
    """Pack a module into an archive."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("app.py", source)
    return archive.getvalue()


def sweep(world: World) -> None:
    """Let the sweeper come when every run has outlived its time, as the schedule has it."""
    world.swept = True
    world.next_day()
    world.invoke("sweep", {})
    world.settle_with_pauses()


STORIES = (
    Story("well", _well, "a run that finds an answer"),
    Story("failing", _failing, "the function fails at its current size", ends="FAILED"),
    Story("refused", _refused, "there is no such function, and somebody restores a run that never was", ends="FAILED"),
    Story("unworded", _unworded, "the function fails, and the step that words failures is down", ends="FAILED"),
    Story("stopped", _stopped, "the execution is stopped while it measures", ends="ABORTED"),
    Story("swept", _swept, "it is stopped, no event reports it, the sweeper comes", ends="ABORTED"),
    Story("expiring", _expiring, "the copied code expires between two rounds"),
    Story("reserving", _reserving, "its clones reserve concurrency, and several are made in a round"),
    Story("long", _long, "a batch goes on in a second task, as one has no time for all of it", _slow),
    Story("followed", _followed, "it is stopped, no event reports it, the function's next run comes", ends="ABORTED"),
    Story("snapshots", _snapshotting, "its clones are versions with SnapStart, waited for", _with_snapshots),
    Story(
        "around", _around, "an event in S3, processors, policies, a layer, and records in the log alone", _surrounded
    ),
    Story(
        "unrestored",
        _unrestored,
        "it is stopped, and the steps that restore and that word failures are down",
        ends="ABORTED",
    ),
    Story("orphaned", _orphaned, "the sweeper finds a clone that belongs to no run"),
)
