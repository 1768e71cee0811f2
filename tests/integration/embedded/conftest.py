# ruff: noqa: D102, D103 - the names of helpers and probes say what they do
"""One embedded AWS for all tests of this folder, and one moto without mends beside it."""

from __future__ import annotations

import contextlib
import io
import json
import os
import socket
import subprocess
import sys
import time
import uuid
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tuner.embedded.access import AccessKey
from tuner.embedded.account import EmbeddedAws, embedded_aws

APPLICATION = Path(__file__).parent / "application"

_PLAIN_MOTO = """
import os, sys, threading
os.environ["MOTO_PORT"] = sys.argv[1]
from moto.core.config import default_user_config
default_user_config["stepfunctions"] = {"execute_state_machine": True}
from moto.server import main
main(["--host", "127.0.0.1", "--port", sys.argv[1]])
"""


patience_s = 60.0
"""For a busy machine; less where what is waited for is expected never to come."""


def wait_for(condition: Callable[[], Any]) -> Any:
    """Ask again and again until the answer is true, and return it; fail when it never is."""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        answer = condition()
        if answer:
            return answer
        time.sleep(0.02)
    raise AssertionError(f"not within {patience_s} s")


@dataclass
class Account:
    """An account under test, with the few things that its tests do again and again."""

    endpoint_url: str
    key: AccessKey = field(default_factory=lambda: AccessKey("test", "test"))
    _clients: dict[str, Any] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = boto3.client(
                service,
                endpoint_url=self.endpoint_url,
                region_name="us-east-1",
                aws_access_key_id=self.key.access_key_id,
                aws_secret_access_key=self.key.secret_access_key,
                config=Config(retries={"total_max_attempts": 1}, read_timeout=30),
            )
        return self._clients[service]

    @property
    def role_arn(self) -> str:
        iam = self.client("iam")
        trust = {"Version": "2012-10-17", "Statement": []}
        with contextlib.suppress(iam.exceptions.EntityAlreadyExistsException):
            iam.create_role(RoleName="test", AssumeRolePolicyDocument=json.dumps(trust))
        return "arn:aws:iam::123456789012:role/test"

    def function(self, **settings: Any) -> str:
        """Create a function of the test code and return its name."""
        name = settings.pop("FunctionName", unique("function"))
        self.client("lambda").create_function(
            FunctionName=name,
            Runtime="python3.11",
            Handler="app.handler",
            Role=self.role_arn,
            **{"Code": {"ZipFile": code_archive()}, **settings},
        )
        return name

    def bucket(self) -> str:
        """Create a bucket and return its name."""
        name = unique("bucket")
        self.client("s3").create_bucket(Bucket=name)
        return name

    def machine(self, states: dict[str, Any], *, start: str | None = None) -> str:
        """Create a state machine and return its ARN."""
        definition = {"StartAt": start or next(iter(states)), "States": states}
        created = self.client("stepfunctions").create_state_machine(
            name=unique("machine"), definition=json.dumps(definition), roleArn=self.role_arn
        )
        return str(created["stateMachineArn"])

    def start(self, machine_arn: str, event: Any = None, **options: Any) -> str:
        started = self.client("stepfunctions").start_execution(
            stateMachineArn=machine_arn, input=json.dumps(event or {}), **options
        )
        return str(started["executionArn"])

    def finish(self, execution_arn: str) -> dict[str, Any]:
        """Wait for an execution's end and describe it."""
        states = self.client("stepfunctions")

        def ended() -> Any:
            described = states.describe_execution(executionArn=execution_arn)
            return described if described["status"] != "RUNNING" else None

        return dict(wait_for(ended))

    def run(self, states: dict[str, Any], event: Any = None) -> dict[str, Any]:
        """Run a definition once to its end."""
        return self.finish(self.start(self.machine(states), event, name=unique("run")))

    def output(self, states: dict[str, Any], event: Any = None) -> Any:
        """Run a definition once and return what it gave."""
        described = self.run(states, event)
        assert described["status"] == "SUCCEEDED", described
        return json.loads(described["output"])

    def stack(self, resources: dict[str, Any], outputs: dict[str, Any] | None = None) -> dict[str, str]:
        """Create a stack and return its outputs."""
        name = unique("stack")
        template = {"Resources": resources, "Outputs": outputs or {}}
        cloudformation = self.client("cloudformation")
        cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(template))
        stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        assert stack["StackStatus"] == "CREATE_COMPLETE"
        return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


def unique(prefix: str) -> str:
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


def code_archive(code: str | None = None) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("app.py", (APPLICATION / "code" / "app.py").read_text() if code is None else code)
    return packed.getvalue()


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedAws]:
    with embedded_aws(home=tmp_path_factory.mktemp("home"), application=APPLICATION) as running:
        yield running


@pytest.fixture(scope="session")
def account(aws: EmbeddedAws) -> Account:
    return Account(aws.endpoint_url, aws.key)


@pytest.fixture(scope="session")
def plain_account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """Moto as it is, in a process of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = tmp_path_factory.mktemp("plain") / "log"
    environment = {**os.environ, "AWS_DEFAULT_REGION": "us-east-1", "DOCKER_HOST": "unix:///nowhere"}
    with log.open("wb") as output:
        server = subprocess.Popen(
            [sys.executable, "-c", _PLAIN_MOTO, str(port)], stdout=output, stderr=output, env=environment
        )
    try:

        def answers() -> bool:
            with socket.socket() as connection:
                return connection.connect_ex(("127.0.0.1", port)) == 0

        wait_for(answers)
        yield Account(f"http://127.0.0.1:{port}")
    finally:
        server.terminate()
        server.wait()
