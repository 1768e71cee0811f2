"""Runs of the product on the examples, as ``lambda-tuner demo`` makes them."""

from __future__ import annotations

import json
import time
from typing import Any

from bench.examples.exhaustive import RunAnswer, answer_of
from tuner.cli.examples import Example, demo_memory_mb, deploy_example
from tuner.core.model import LatencyGoal
from tuner.embedded.account import EmbeddedAws, client
from tuner.embedded.identity import memory_cap_mb

_POLL_S = 1.0
"""As the command asks: every question takes CPU time from what is being measured."""


def goal_of(example: Example) -> LatencyGoal:
    """The goal that comes with an example."""
    return LatencyGoal(float(example.goal["percentile"]), float(example.goal["limitMs"]))


def run_product(
    aws: EmbeddedAws, example: Example, goal: LatencyGoal | None, *, cpu_time: bool, name: str
) -> RunAnswer:
    """Tune one example to the end; a run that fails is an answer too.

    Args:
        aws: The embedded AWS.
        example: What is tuned; it is deployed anew.
        goal: The goal, or none.
        cpu_time: Whether the search may see the CPU time of each invocation.
        name: Of the execution, and therefore of its reports.
    """
    function = deploy_example(aws, example, demo_memory_mb(example, memory_cap_mb()))
    # From the study of the run before, the next one would have little left to find out.
    request: dict[str, Any] = {"lambdaARN": function, "payload": example.event, "warmStart": False}
    if goal is not None:
        request["goal"] = {"percentile": goal.percentile, "limitMs": goal.limit_ms}
    if cpu_time:
        request["cpuTime"] = True
    began_s = time.monotonic()
    report, reason = tune(aws, request, name)
    wall_s = time.monotonic() - began_s
    if report is None:
        return RunAnswer(example.name, goal, cpu_time, wall_s, error=reason)
    return answer_of(report, example=example.name, goal=goal, cpu_time=cpu_time, wall_s=wall_s)


def tune(aws: EmbeddedAws, request: dict[str, Any], name: str) -> tuple[dict[str, Any] | None, str]:
    """Run one request to its end; gives its ``report.json``, or the reason why there is none."""
    states = client(aws, "stepfunctions")
    execution = states.start_execution(stateMachineArn=aws.tune_arn, name=name, input=json.dumps(request))
    while (end := states.describe_execution(executionArn=execution["executionArn"]))["status"] == "RUNNING":
        time.sleep(_POLL_S)
    if end["status"] != "SUCCEEDED":
        return None, f"{end.get('error', end['status'])}: {end.get('cause', 'no reason was given')}"
    run_id = json.loads(end["output"])["runId"]
    written = client(aws, "s3").get_object(Bucket=aws.bucket, Key=f"runs/{run_id}/report.json")["Body"].read()
    return json.loads(written), ""
