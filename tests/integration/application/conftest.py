"""The whole application on one embedded AWS, shared by the tests of this folder."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tuner.embedded.account import EmbeddedAws, client, deploy_function, embedded_aws

HANDLERS = Path(__file__).parent / "functions"
PROCESSOR_ARN = "arn:aws:lambda:us-east-1:123456789012:function:before"
ENDED = {"SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"}


def wait_for(condition: Callable[[], Any], *, within_s: float = 120.0) -> Any:
    """Ask again and again until the answer is true, and return it; fail when it never is."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        answer = condition()
        if answer:
            return answer
        time.sleep(0.15)  # each question costs the server as much as a step
    raise AssertionError(f"not within {within_s} s")


@dataclass
class Application:
    """The deployed application, seen through AWS's own APIs alone."""

    aws: EmbeddedAws

    def client(self, service: str) -> Any:
        """A boto3 client of the embedded AWS."""
        return client(self.aws, service)

    def deploy(self, name: str, **settings: Any) -> str:
        """Deploy a test function and give its ARN; one that is there already is brought to these settings."""
        defaults: dict[str, Any] = {"memory_mb": 512, "timeout_s": 5}
        return deploy_function(
            self.aws, name=name, code_dir=HANDLERS, handler=f"{name}.handler", **{**defaults, **settings}
        )

    def start(self, **request: Any) -> str:
        """Start an execution of ``tune``; gives its ARN."""
        answer = self.client("stepfunctions").start_execution(
            stateMachineArn=self.aws.tune_arn, name=f"test-{uuid.uuid4().hex[:12]}", input=json.dumps(request)
        )
        return str(answer["executionArn"])

    def describe(self, execution_arn: str) -> dict[str, Any]:
        """Describe an execution."""
        return dict(self.client("stepfunctions").describe_execution(executionArn=execution_arn))

    def has_ended(self, execution_arn: str) -> bool:
        """Whether an execution has ended, well or not."""
        return self.describe(execution_arn)["status"] in ENDED

    def ended(self, execution_arn: str) -> dict[str, Any]:
        """Wait until an execution has ended, and describe it."""

        def answer() -> dict[str, Any] | None:
            described = self.describe(execution_arn)
            return described if described["status"] in ENDED else None

        return dict(wait_for(answer))

    def tune(self, **request: Any) -> dict[str, Any]:
        """Run ``tune`` to its end, and describe it."""
        return self.ended(self.start(**request))

    def object(self, key: str) -> bytes:
        """An object of the artifact bucket."""
        return bytes(self.client("s3").get_object(Bucket=self.aws.bucket, Key=key)["Body"].read())

    def has_object(self, key: str) -> bool:
        """Whether the artifact bucket has an object."""
        listing = self.client("s3").list_objects_v2(Bucket=self.aws.bucket, Prefix=key)
        return any(row["Key"] == key for row in listing.get("Contents", ()))

    def report(self, run_id: str) -> dict[str, Any]:
        """A run's ``report.json``."""
        return dict(json.loads(self.object(f"runs/{run_id}/report.json")))

    def clones(self) -> list[str]:
        """The names of all temporary functions."""
        pages = self.client("lambda").get_paginator("list_functions").paginate()
        names = [row["FunctionName"] for page in pages for row in page["Functions"]]
        return [name for name in names if name.startswith("lambda-tuner-clone-")]

    def states_of(self, execution_arn: str) -> list[str]:
        """The states that an execution entered, in order."""
        history = self.client("stepfunctions").get_execution_history(executionArn=execution_arn)
        return [
            event["stateEnteredEventDetails"]["name"]
            for event in history["events"]
            if "stateEnteredEventDetails" in event
        ]


@pytest.fixture(scope="session")
def application(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    """The application, deployed once for the session."""
    parameters = {"ProcessorFunctions": PROCESSOR_ARN}
    with embedded_aws(home=tmp_path_factory.mktemp("home"), parameters=parameters) as aws:
        yield Application(aws)


@pytest.fixture
def nothing_left(application: Application) -> Iterator[None]:
    """Fails a test that leaves a temporary function behind."""
    yield
    assert application.clones() == []
