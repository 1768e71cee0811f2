"""``python -m bench cost``: what one run takes besides the user's invocations, beside AWS Lambda Power Tuning's.

One real run of an example on the embedded AWS is counted: state transitions
from the execution's history, calls of AWS's APIs from the embedded AWS's own
log, seconds of our functions from their REPORT records. Power Tuning's counts
follow from its state machine and its code for as many memory sizes
(alexcasalboni/aws-lambda-power-tuning, lambda/ and statemachine/, seen 2026-11).
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tuner.application import application_root
from tuner.aws.traffic import reading_cost_usd
from tuner.core.log_records import ReportRecord, parse_log
from tuner.core.money.pricing import invocation_cost_usd, prices_for, transition_price_usd
from tuner.embedded.account import EmbeddedAws, client, deploy_function, read_ready_file

REGION = "us-east-1"
ARCHITECTURE = "arm64"
"""What the template deploys our own functions on."""

_CLONE = "lambda-tuner-clone-"
# method, path, status, X-Amz-Target, user agent; ours names the product.
_REQUEST = re.compile(r"server: (?P<method>[A-Z]+) (?P<path>\S+) \d+ (?P<target>\S+) .*lambda-tuner/")

POWER_TUNING_SIZES = 6
POWER_TUNING_INVOCATIONS = 50


def power_tuning_counts(sizes: int) -> dict[str, int]:
    """Count Power Tuning's transitions and Lambda control-plane calls for a number of memory sizes, at least.

    Transitions: Initializer; versionPublisher and IsCountReached for each size
    and once more to go back to the original one; Branching; an Executor a size;
    Cleaner, Analyzer, Optimizer. Calls a size: read the configuration, update
    it, wait (one read or more), publish, read and create the alias; the executor
    reads the configuration; cleaning reads the alias and deletes it and the
    version. Once: a first read, and read, update, wait, publish to go back.
    """
    return {"transitions": 1 + 2 * (sizes + 1) + 1 + sizes + 3, "control-plane calls": sizes * (6 + 1 + 3) + 1 + 4}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("--example", default="json-transform", help="which example to tune")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the counts there as well")


def run(options: argparse.Namespace) -> int:
    """Run once, count, print."""
    with tempfile.TemporaryDirectory() as folder:
        counts = _count_one_run(options.example, Path(folder))
    _print(counts)
    if options.json:
        options.json.write_text(json.dumps(counts, indent=1) + "\n")
    return 0


def _count_one_run(example: str, home: Path) -> dict[str, Any]:
    log, ready = home / "server.log", home / "ready.json"
    command = [sys.executable, "-m", "tuner.embedded.server", "--home", str(home), "--ready-file", str(ready)]
    with log.open("wb") as output:
        server = subprocess.Popen([*command, "--log-level", "DEBUG"], stdout=output, stderr=output)
    try:
        while not ready.exists():
            if server.poll() is not None:
                raise SystemExit(f"The embedded AWS did not start:\n{log.read_text()[-2000:]}")
            time.sleep(0.1)
        aws = read_ready_file(ready, home)
        arn = deploy_function(
            aws,
            name="bench",
            code_dir=application_root() / "examples" / example,
            handler="app.handler",
            memory_mb=1024,
            timeout_s=10,
        )
        before = log.stat().st_size
        return _follow(aws, arn, log, before)
    finally:
        server.terminate()
        server.wait(30)


def _follow(aws: EmbeddedAws, arn: str, log: Path, before: int) -> dict[str, Any]:
    states = client(aws, "stepfunctions")
    began = time.monotonic()
    execution = states.start_execution(
        stateMachineArn=aws.tune_arn, name="bench-run", input=json.dumps({"lambdaARN": arn})
    )["executionArn"]
    while (described := states.describe_execution(executionArn=execution))["status"] == "RUNNING":
        time.sleep(0.2)
    if described["status"] != "SUCCEEDED":
        raise SystemExit(f"The run ended {described['status']}: {described.get('error')}: {described.get('cause')}")
    wall_s = time.monotonic() - began
    output = json.loads(described["output"])
    requests = Counter(_operation(found) for found in _REQUEST.finditer(log.read_text()[before:]) if _operation(found))
    own_s, own_usd = _own_functions(aws)
    transitions = _transitions(states.get_execution_history(executionArn=execution)["events"])
    return {
        "invocations": output["invocations"],
        "memory sizes": len({(row["memoryMb"], row["architecture"]) for row in _observations(aws, output["runId"])}),
        "spent on the function (USD)": output["spentUsd"],
        "wall seconds": round(wall_s, 1),
        "transitions": transitions,
        "transitions (USD)": transitions * transition_price_usd(REGION),
        "own Lambda seconds": round(own_s, 2),
        "own Lambda (USD)": own_usd,
        "CloudWatch (USD)": reading_cost_usd(REGION),
        "control-plane calls": sum(
            n for name, n in requests.items() if name.startswith("lambda:") and "Invoke" not in name
        ),
        "requests": dict(sorted(requests.items())),
    }


def _operation(found: re.Match[str]) -> str:
    method, path, target = found["method"], found["path"].partition("?")[0], found["target"]
    if target != "-":
        return target
    if "-artifacts-" in path:
        return f"s3:{method}"
    if "/functions" not in path and "/tags" not in path:
        return ""
    if path.endswith("/invocations"):
        return "lambda:Invoke" if _CLONE in path else ""
    kind = re.sub(r"/functions/[^/]+", "/functions/*", path)
    kind = re.sub(r"/tags/.*", "/tags/*", kind)
    return f"lambda:{method} {kind.partition('/functions')[2] or kind}"


def _transitions(events: list[dict[str, Any]]) -> int:
    """Count as the bill does: states entered, and tasks scheduled again by a retry."""
    entered = sum(1 for event in events if event["type"].endswith("StateEntered"))
    tasks = sum(1 for event in events if event["type"] == "TaskStateEntered")
    scheduled = sum(1 for event in events if event["type"] in {"TaskScheduled", "LambdaFunctionScheduled"})
    return entered + max(0, scheduled - tasks)


def _own_functions(aws: EmbeddedAws) -> tuple[float, float]:
    logs = client(aws, "logs")
    prices = prices_for(REGION, ARCHITECTURE)
    seconds = usd = 0.0
    for group in logs.describe_log_groups()["logGroups"]:
        name = group["logGroupName"]
        if "lambda-tuner-" not in name or name.endswith("/clones"):
            continue
        messages = [event["message"] for event in logs.filter_log_events(logGroupName=name)["events"]]
        for record in parse_log("\n".join(messages)):
            if isinstance(record, ReportRecord) and record.billed_ms and record.memory_size_mb:
                seconds += record.billed_ms / 1000
                usd += invocation_cost_usd(record.memory_size_mb, record.billed_ms, prices)
    return seconds, usd


def _observations(aws: EmbeddedAws, run_id: str) -> list[dict[str, Any]]:
    body = client(aws, "s3").get_object(Bucket=aws.bucket, Key=f"runs/{run_id}/report.json")["Body"].read()
    return list(json.loads(body)["observations"])


def _print(counts: dict[str, Any]) -> None:
    theirs = power_tuning_counts(POWER_TUNING_SIZES)
    table = Table("one run", "Lambda Tuner, measured", f"Power Tuning, {POWER_TUNING_SIZES} sizes, counted")
    rows = {
        "invocations of the function": (counts["invocations"], POWER_TUNING_SIZES * POWER_TUNING_INVOCATIONS),
        "memory sizes measured": (counts["memory sizes"], POWER_TUNING_SIZES),
        "Lambda control-plane calls": (counts["control-plane calls"], theirs["control-plane calls"]),
        "state transitions": (counts["transitions"], theirs["transitions"]),
        "state transitions, USD": (
            f"{counts['transitions (USD)']:.5f}",
            f"{theirs['transitions'] * transition_price_usd(REGION):.5f}",
        ),
        "own Lambda seconds": (counts["own Lambda seconds"], "not run here"),
        "own Lambda, USD": (f"{counts['own Lambda (USD)']:.5f}", "not run here"),
        "CloudWatch's metrics, USD": (f"{counts['CloudWatch (USD)']:.5f}", "reads none"),
        "wall time, s": (counts["wall seconds"], "not run here"),
    }
    for name, (ours, other) in rows.items():
        table.add_row(name, str(ours), str(other))
    console = Console()
    console.print(table)
    console.print("Calls: " + ", ".join(f"{name} × {count}" for name, count in counts["requests"].items()))
