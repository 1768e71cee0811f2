"""The worst that the contract lets happen to each of our functions, each in a process of its own.

``python -m tests.infrastructure.worst_cases`` prints what each took; the test
beside it holds that against template.yaml.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import json
import math
import os
import pickle
import random
import subprocess
import sys
import tempfile
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.infrastructure.deployed import ROOT, Deployed
from tests.infrastructure.handler_process import Folder
from tests.unit.steps.conftest import FakeRun
from tuner.core.aws_limits import ONE_VCPU_MB
from tuner.core.codec import to_json
from tuner.core.model import Batch, Candidate, Invocation, Observation
from tuner.core.run.bucket_layout import SEARCH, code_key
from tuner.core.run.plan import clone_name
from tuner.core.run.record import Journal
from tuner.steps.run import journal_name, load_plan, load_record, round_name, save_plan

BOTH = ["x86_64", "arm64"]
GOAL = {"percentile": 95, "limitMs": 300}
PLENTY = {"maxInvocations": 10_000, "maxCostUsd": 1_000, "maxMinutes": 240}
EVERY_SIZE = {"memory": {"step": 1}, "architectures": BOTH, "goal": GOAL, "budget": PLENTY}
"""20,226 candidates."""
LARGEST_DESIGN = {
    "powerValues": "ALL", "architectures": BOTH, "num": 108, "parallelInvocation": True, "goal": GOAL,
    "includeOutputResults": True,
}  # fmt: skip
"""9,936 of at most 10,000 invocations, at 92 candidates, on five environments each."""
MOST_SIZES = {
    "powerValues": list(range(1_000, 10_000, 9)), "architectures": BOTH, "num": 5, "includeOutputResults": True,
}  # fmt: skip
"""2,000 temporary functions."""
LONGEST_BATCHES = {"powerValues": list(range(128, 768, 64)), "num": 1_000, "parallelInvocation": True}
MANY_PAYLOADS = {
    "payload": [{"payload": {"number": n}, "weight": 1 + n % 7} for n in range(2_000)], "architectures": BOTH,
    "goal": GOAL, "coldStartShare": 0.01, "budget": PLENTY,
}  # fmt: skip
LARGE_PAYLOADS = {"payloadS3": "s3://bucket/payloads/mix.json", "memory": [512, 1024], "parallelInvocation": True}
PACKAGE_BYTES = 250 * 2**20


@dataclass(frozen=True)
class Used:
    """What one call of a handler took."""

    case: str
    handler: str
    peak_mb: float
    cpu_s: float
    answer_bytes: int
    answer: Any


class Case:
    """One run, with its bucket in a folder, whose handlers are called one after the other."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self._folder = folder / name.replace(" ", "-")
        self._folder.mkdir()
        self._run = FakeRun()
        self._run.s3.objects = Folder(self._folder / "objects")  # type: ignore[assignment]
        theirs = self._run.aws.add("theirs")
        self._run.s3.objects[code_key(theirs["CodeSha256"])] = b"code"
        self._trial = 0
        self._deployed = Deployed().functions
        self.used: list[Used] = []

    def call(self, handler: str, **event: Any) -> Any:
        """Call a handler in a process of its own, with the variables that it is deployed with."""
        aws = self._run.aws
        state = self._folder / "lambda.pickle"
        state.write_bytes(pickle.dumps((aws.functions, aws.tags, aws.cold, aws.started)))
        (self._folder / "event.json").write_text(json.dumps({"runId": "run-1", **event}))
        (deployed,) = (one for one in self._deployed.values() if one["Handler"] == f"tuner.handlers.{handler}.handler")
        variables = {name: str(value) for name, value in deployed["Environment"]["Variables"].items()}
        environment = {
            **os.environ, **variables, "TUNER_BUCKET": "bucket", "POWERTOOLS_TRACE_DISABLED": "true",
            "POWERTOOLS_METRICS_DISABLED": "true", "POWERTOOLS_LOG_LEVEL": "CRITICAL", "PYTHONPATH": str(ROOT),
            "AWS_DEFAULT_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none",
        }  # fmt: skip
        command = [sys.executable, "-m", "tests.infrastructure.handler_process", str(self._folder), handler]
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=ROOT)
        if ended.returncode:
            raise AssertionError(f"{self.name}, {handler}: {ended.stderr[-2000:]}")
        aws.functions, aws.tags, aws.cold, aws.started = pickle.loads(state.read_bytes())
        used = Used(self.name, handler, **json.loads(ended.stdout))
        self.used.append(used)
        return used.answer

    def plan(self, **request: Any) -> None:
        """Call Plan with a request of the function ``theirs``."""
        self.call(
            "plan",
            input={"lambdaARN": "theirs", **request},
            executionArn="arn:aws:states:eu-west-1:123456789012:execution:lambda-tuner-tune:run-1",
            startedAt=datetime.now(UTC).isoformat(),
        )

    @property
    def candidates(self) -> Sequence[Candidate]:
        """Those of the design, or of the run."""
        problem = load_record(self._run.artifacts).problem
        return problem.candidates if problem.design is None else problem.design.candidates

    def ask(self, round_number: int, candidates: Sequence[Candidate], count: int, environments: int) -> list[Batch]:
        """Write down a round as if Suggest had asked for it, and plan its clones."""
        batches = [
            Batch(round_number, self._trial + index, candidate, count, environments, "a worst case")
            for index, candidate in enumerate(candidates)
        ]
        self._trial += len(batches)
        self._run.artifacts.write(round_name(round_number), to_json(batches))
        plan = load_plan(self._run.artifacts)
        save_plan(self._run.artifacts, plan.with_clones([(each.candidate, 0) for each in batches]))
        return batches

    def measured(self, batches: Sequence[Batch], payloads: int = 1) -> None:
        """Write the batches' journals as Measure would: each environment begins cold."""
        chance = random.Random(1)
        for batch in batches:
            name = clone_name("run-1", batch.candidate)
            level_ms = 20 + 200_000 / min(batch.candidate.memory_mb, 1769)
            hosts = [math.exp(chance.gauss(0, 0.04)) for _ in range(batch.environment_count)]
            invocations = []
            for number in range(batch.invocation_count):
                host = number % batch.environment_count
                cold = number < batch.environment_count
                payload = (7 * number + batch.trial) % payloads
                slow = (3.0 if chance.random() < 0.01 else 1.0) * (1.4 if cold else 1.0) * (1 + payload / payloads)
                duration_ms = level_ms * hosts[host] * slow * math.exp(chance.gauss(0, 0.05))
                invocations.append(
                    Invocation(
                        f"0a6f4f86-0000-4000-8000-{batch.trial:06d}{number:06d}",
                        "ok",
                        cold,
                        round(duration_ms, 2),
                        math.ceil(duration_ms),
                        200.0 if cold else None,
                        80,
                        environment=f"{name}#{host + 1}",
                        payload_index=payload,
                    )
                )
            observation = Observation(batch.round, batch.trial, batch.candidate, tuple(invocations))
            journal = Journal(observation, len(invocations), complete=True)
            self._run.artifacts.write(journal_name(batch.round, batch.trial), to_json(journal))

    def finish(self) -> None:
        """Call the handlers that end a run."""
        if self._run.artifacts.find(SEARCH) is None:
            self._run.artifacts.write(SEARCH, {"stop_reason": "A worst case ends here."})
        self.call("recommend")
        self.call("restore")
        self.call("report", status=None)

    def write(self, key: str, body: bytes) -> None:
        """Put an object into the bucket."""
        self._run.s3.objects[key] = body

    def change_function(self, **configuration: Any) -> None:
        """Deploy ``theirs`` otherwise."""
        self._run.aws.add("theirs", **configuration)

    def leave_copies(self, count: int) -> None:
        """Let clones of runs that are over be there."""
        for number in range(count):
            name = f"lambda-tuner-clone-{number:012x}-1024-arm"
            self._run.aws.add(name)
            self._run.aws.tags[name] = {
                "lambda-tuner:run": f"run-{number}",
                "lambda-tuner:expires": "2026-01-01T00:00:00+00:00",
            }

    def forget_package(self) -> None:
        """Let the function's package not be copied yet."""
        for key in [key for key in self._run.s3.objects if key.startswith("clones/")]:
            del self._run.s3.objects[key]


def every_size(case: Case) -> None:
    """A range in steps of 1 MB, on both architectures."""
    case.plan(**EVERY_SIZE)
    own = [each for each in case.candidates if each.memory_mb in (128, 256, 512, 777, 1024, 1333, 2048, 3001)]
    case.measured(case.ask(1, [each for each in own if each.memory_mb == 1024][:1], 1, 1))
    case.measured(case.ask(2, own, 4, 2))
    case.call("suggest")
    case.finish()


def largest_design(case: Case) -> None:
    """Power Tuning's ``ALL`` on both architectures, as many invocations as a run may make."""
    case.plan(**LARGEST_DESIGN)
    case.measured(case.ask(1, case.candidates[:1], 1, 1))
    answer = case.call("suggest")
    case.call("create_clones", round=answer["round"])
    case.measured(case.ask(2, case.candidates, 107, 5))
    case.call("suggest")
    case.finish()


def most_sizes(case: Case) -> None:
    """As many sizes as a run may invoke by a fixed design."""
    case.plan(**MOST_SIZES)
    case.measured(case.ask(1, case.candidates[:1], 1, 1))
    case.call("suggest")
    sizes = [case.candidates[start : start + 100] for start in range(0, len(case.candidates), 100)]
    for number, each in enumerate(sizes, start=2):
        case.measured(case.ask(number, each, 5, 2))
    case.call("suggest")
    case.finish()


def longest_batch(case: Case) -> None:
    """A batch of 1,000 invocations, nine like it before, in one task."""
    case.plan(**LONGEST_BATCHES)
    case.measured(case.ask(1, case.candidates[:-1], 1_000, 5))
    (batch,) = case.ask(2, case.candidates[-1:], 1_000, 5)
    case.call("create_clones", round=2)
    case.call("measure", batch={"round": 2, "trial": batch.trial})


def many_payloads(case: Case) -> None:
    """A mix of 2,000 events."""
    case.plan(**MANY_PAYLOADS)
    sizes = [each for each in case.candidates if each.memory_mb in (128, 512, 1024, 2048)]
    case.measured(case.ask(1, sizes[:1], 1, 1))
    case.measured(case.ask(2, sizes, 20, 3), payloads=2_000)
    case.call("suggest")
    case.finish()


def large_payloads(case: Case) -> None:
    """Five events of 6 MB, all of them invoked with at once, and as large answers."""
    events = [{"payload": {"body": str(number) * 6_291_000}, "weight": 1} for number in range(5)]
    case.write("large-answers", b"")
    case.write("payloads/mix.json", json.dumps(events).encode())
    case.plan(**LARGE_PAYLOADS)
    (batch,) = case.ask(1, case.candidates[:1], 25, 5)
    case.call("create_clones", round=1)
    case.call("measure", batch={"round": 1, "trial": batch.trial})


def largest_package(case: Case) -> None:
    """A package as large as Lambda takes."""
    with _package() as (address, sha256):
        case.change_function(CodeSha256=sha256)
        case.plan()
        case.forget_package()
        case.write("package-address", address.encode())
        case.call("copy_code")


def night(case: Case) -> None:
    """A night of 300 functions, a third of which failed, and 300 clones that were left behind."""
    fleet = case.call("list_fleet", executionName="night-2026-11-24-03-00-00")
    failed = {"error": "CloneFailed", "cause": "AWS refuses a clone of it. " * 15}
    answer = {"verdict": "GOAL_MET", "memoryMb": 1024, "currentMemoryMb": 2048, "savingRatio": 0.3, "confidence": 0.9}
    case.call(
        "digest",
        executionName="night-2026-11-24-03-00-00",
        startedAt="2026-11-24T03:00:00+00:00",
        results=[
            {"name": row["name"], "functionArn": row["input"]["lambdaARN"], **(failed if number % 3 == 0 else answer)}
            for number, row in enumerate(fleet["functions"])
        ],
        skipped=[],
    )
    case.leave_copies(300)
    case.call("sweep")
    case.call("explain_failure", failure={"Error": "CloneFailed", "Cause": json.dumps({"errorMessage": "x" * 200_000})})


CASES: dict[str, Callable[[Case], None]] = {
    "every size": every_size,
    "largest design": largest_design,
    "most sizes": most_sizes,
    "longest batch": longest_batch,
    "many payloads": many_payloads,
    "large payloads": large_payloads,
    "largest package": largest_package,
    "a night": night,
}


def measure(name: str) -> list[Used]:
    """Carry out a case, and give what each of its calls took."""
    with tempfile.TemporaryDirectory() as folder:
        case = Case(name, Path(folder))
        CASES[name](case)
        return case.used


@contextlib.contextmanager
def _package() -> Iterator[tuple[str, str]]:
    """Serve a package, and give its address and hash."""
    piece = bytes(2**20)
    digest = hashlib.sha256()
    for _ in range(PACKAGE_BYTES // len(piece)):
        digest.update(piece)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(PACKAGE_BYTES))
            self.end_headers()
            for _ in range(PACKAGE_BYTES // len(piece)):
                self.wfile.write(piece)

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/package.zip", b64encode(digest.digest()).decode()
        server.shutdown()


def main() -> None:
    """Print what every call took; and then, for each handler, the most of it beside what it has."""
    found: list[Used] = []
    for name in sys.argv[1:] or list(CASES):
        for used in measure(name):
            found.append(used)
            print(f"{used.case:16} {used.handler:16} {used.peak_mb:5.0f} MB {used.cpu_s:5.1f} s of CPU", flush=True)
    print("\n| function | memory, MB | of MB | CPU, s | on Lambda, s | of s |\n|---|---:|---:|---:|---:|---:|")
    for function in Deployed().functions.values():
        name = function["Handler"].split(".")[-2]
        own = [used for used in found if used.handler == name]
        if own:
            memory_mb, cpu_s = max(used.peak_mb for used in own), max(used.cpu_s for used in own)
            wall_s = cpu_s / min(1.0, function["MemorySize"] / ONE_VCPU_MB)
            row = (f"{memory_mb:.0f}", function["MemorySize"], f"{cpu_s:.1f}", f"{wall_s:.0f}", function["Timeout"])
            print("|", " | ".join(map(str, (name, *row))), "|")


if __name__ == "__main__":
    main()
