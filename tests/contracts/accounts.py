"""The contract of stand-ins for AWS: what a run asks of Lambda, and what it answers."""

from __future__ import annotations

import base64
import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tuner.aws.artifacts import Artifacts
from tuner.aws.clones import Clones
from tuner.core.errors import CloneFailed, CloneNotReady, CodeGone
from tuner.core.log_records import find_report
from tuner.core.model import Candidate
from tuner.core.run.plan import CLONE_PREFIX

LOG_GROUP = "/lambda-tuner/clones"
SMALL = Candidate(256, "x86_64")


@dataclass
class Account:
    """One account with a function, and its package in a bucket."""

    client: Any
    """Of Lambda."""
    store: Artifacts
    target: str
    package: bytes
    name: str = field(default_factory=lambda: f"{CLONE_PREFIX}{uuid.uuid4().hex[:12]}-256-x86")

    def __post_init__(self) -> None:
        self.clones = Clones(self.client, log_group=LOG_GROUP, tags={"team": "orders"})
        self.sha256 = base64.b64encode(hashlib.sha256(self.package).digest()).decode()
        self.store.write("clones/code.zip", self.package)

    def create(self, key: str = "clones/code.zip", *, tags: Mapping[str, str] | None = None) -> bool:
        """Make a copy of the function, from a package under this key."""
        configuration = self.client.get_function_configuration(FunctionName=self.target)
        code = {"S3Bucket": self.store.name, "S3Key": key}
        return self.clones.create(self.name, SMALL, configuration, code, tags or {})


class AccountContract:
    """Of every stand-in; a subclass has the fixture ``account``."""

    def test_a_copy_is_made_used_and_removed(self, account: Account) -> None:
        """It is there from its creation to its deletion, with the function's code and its own size, tags and log."""
        clones, name = account.clones, account.name
        assert (clones.state(name, account.sha256), clones.exists(name)) == ("absent", False)
        assert account.create(tags={"lambda-tuner:run": "r"})
        assert (clones.state(name, account.sha256), clones.exists(name)) == ("active", True)
        copied = account.client.get_function_configuration(FunctionName=name)
        assert (copied["MemorySize"], copied["LoggingConfig"]["LogGroup"]) == (256, LOG_GROUP)
        arn = clones.arns()[name]
        assert account.target not in clones.arns()
        assert clones.tags(arn) == {"team": "orders", "lambda-tuner:run": "r"}
        assert clones.delete(name)
        assert not clones.exists(name)
        assert name not in clones.arns()
        assert clones.tags(arn) is None

    def test_what_is_there_is_not_made_again(self, account: Account) -> None:
        """A repeated creation finds the clone, and leaves it as it is."""
        account.create()
        assert not account.create()
        assert account.clones.state(account.name, account.sha256) == "active"
        account.clones.delete(account.name)

    def test_what_is_gone_is_not_removed_again(self, account: Account) -> None:
        """Deleting twice is fine, and told apart from the first time."""
        account.create()
        assert [account.clones.delete(account.name) for _ in range(2)] == [True, False]

    def test_a_package_that_is_gone_is_named(self, account: Account) -> None:
        """It can be copied again, unlike what Lambda refuses for good; nothing is left."""
        with pytest.raises(CodeGone, match=r"clones/expired\.zip"):
            account.create("clones/expired.zip")
        assert not account.clones.exists(account.name)

    def test_other_code_is_never_used(self, account: Account) -> None:
        """Whoever wrote it into the bucket."""
        account.create()
        with pytest.raises(CloneFailed, match=r"does not have the function.s code"):
            account.clones.state(account.name, base64.b64encode(b"another").decode())
        account.clones.delete(account.name)

    def test_concurrency_is_reserved_as_far_as_there_is_some(self, account: Account) -> None:
        """AWS keeps 100 for functions without a reserve; what is not there can have none yet."""
        with pytest.raises(CloneNotReady):
            account.clones.reserve(account.name, 5)
        account.create()
        account.clones.reserve(account.name, 5)
        assert account.client.get_function_concurrency(FunctionName=account.name)["ReservedConcurrentExecutions"] == 5
        with pytest.raises(CloneFailed, match="refuses to reserve a concurrency of 901"):
            account.clones.reserve(account.name, 901)
        account.clones.delete(account.name)

    def test_an_invocation_leaves_its_record(self, account: Account) -> None:
        """In the tail, under the id that the answer has; what is not there is not invoked."""
        account.create()
        asked = {"FunctionName": account.name, "LogType": "Tail", "Payload": json.dumps({}).encode()}
        answer = account.client.invoke(**asked)
        answer["Payload"].read()
        assert (answer["StatusCode"], answer.get("FunctionError")) == (200, None)
        tail = base64.b64decode(answer["LogResult"]).decode()
        record = find_report(tail, answer["ResponseMetadata"]["RequestId"])
        assert record is not None
        assert record.memory_size_mb == 256
        account.clones.delete(account.name)
        with pytest.raises(ClientError) as refused:
            account.client.invoke(**asked)
        assert refused.value.response["Error"]["Code"] == "ResourceNotFoundException"
