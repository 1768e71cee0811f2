"""A run on in-memory stand-ins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.rough_search import search_roughly
from tests.unit.steps.fakes import ACCOUNT, REGION, FakeCloudWatch, FakeIam, FakeLambda, FakeLogs, FakeS3
from tuner.aws.artifacts import Artifacts, RunArtifacts
from tuner.aws.clones import Clones
from tuner.aws.invoker import Invoker
from tuner.aws.snapshot import SnapshotReader
from tuner.aws.traffic import TrafficReader
from tuner.core.model import Architecture, Batch
from tuner.core.run.bucket_layout import code_key
from tuner.core.run.installation import Installation, Machine
from tuner.core.run.record import RunRecord
from tuner.steps.create_clones import create_clones
from tuner.steps.measure import measure
from tuner.steps.plan import plan_run
from tuner.steps.suggest import suggest_round

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _no_drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures take most of a report's time, and tests/unit/report looks at them."""
    monkeypatch.setattr("vl_convert.vegalite_to_svg", lambda _: '<svg width="9" height="9" viewBox="0 0 9 9"></svg>')


@pytest.fixture(autouse=True)
def _rough_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """The search takes most of a run's time, and tests/unit/core/search looks at it."""
    search_roughly(monkeypatch.setattr)


@dataclass
class FakeRun:
    """One run and everything around it."""

    s3: FakeS3 = field(default_factory=FakeS3)
    aws: FakeLambda = field(default_factory=FakeLambda)
    logs: FakeLogs = field(default_factory=FakeLogs)
    iam: FakeIam = field(default_factory=FakeIam)
    cloudwatch: FakeCloudWatch = field(default_factory=FakeCloudWatch)
    slept: list[float] = field(default_factory=list)
    restarted: list[str] = field(default_factory=list)
    memory_cap_mb: int = 10_240
    where: str = "aws"
    machine_architecture: Architecture | None = None
    load: float = 0.0

    def __post_init__(self) -> None:
        self.aws.s3 = self.s3
        self.artifacts = RunArtifacts(Artifacts(self.s3, "bucket"), "run-1")
        self.reader = SnapshotReader({"lambda": self.aws, "logs": self.logs, "iam": self.iam}.__getitem__)
        self.clones = Clones(self.aws, log_group="/lambda-tuner/clones")

    def plan(self, **request: Any) -> RunRecord:
        """Plan a run of the function ``theirs``; its package is copied already."""
        machine = Machine("laptop", 2, self.machine_architecture, self.load)
        installation = Installation(
            ACCOUNT,
            REGION,
            self.memory_cap_mb,
            "/lambda-tuner/clones",
            machine=machine if self.where == "local" else None,
        )
        record = plan_run(
            self.artifacts,
            self.reader,
            TrafficReader(self.cloudwatch, REGION),
            {"lambdaARN": "theirs", **request},
            installation,
            execution_arn="arn:aws:states:eu-west-1:123456789012:execution:lambda-tuner-tune:run-1",
            started_at=NOW.isoformat(),
            now=NOW,
            start_restore=self.restarted.append,
        )
        self.s3.objects[code_key(record.target.code_sha256)] = b"code"
        return record

    def invoker(self, timeout_s: int) -> Invoker:
        """An invoker that waits for nothing."""
        return Invoker(
            self.aws,
            self.logs,
            self.aws,
            log_group="/lambda-tuner/clones",
            sleep=self.slept.append,
        )

    def suggest(self) -> tuple[int, tuple[Batch, ...]]:
        """Ask for the next round."""
        return suggest_round(self.artifacts, now=NOW)

    def measure(self, batch: Batch) -> int:
        """Measure one batch."""
        return measure(self.artifacts, self.invoker, batch.round, batch.trial, sleep=self.slept.append)

    def round(self) -> tuple[Batch, ...]:
        """One turn of the loop; gives the batches, none when the search has ended."""
        number, batches = self.suggest()
        if batches:
            create_clones(self.artifacts, self.reader, self.clones, number)
            for batch in batches:
                self.measure(batch)
        return batches

    def search(self) -> int:
        """Turn the loop until the search ends; gives the number of rounds."""
        rounds = 0
        while self.round():
            rounds += 1
            assert rounds <= 100, "the search does not end"
        return rounds


@pytest.fixture
def run() -> FakeRun:
    """A run on a function ``theirs`` of 1,024 MB that gets faster with memory."""
    fake = FakeRun()
    fake.aws.add("theirs")
    return fake


MakeRun = Callable[..., FakeRun]
