"""From moto's record of a function to an invocation, and what is left of a clone."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tuner.embedded.code_store import CodeStore
from tuner.embedded.functions import FunctionRunner
from tuner.embedded.host import FunctionSpec, InvocationResult


class FakeHost:
    """Answers every invocation from one environment for each function."""

    def invoke(
        self, spec: FunctionSpec, event: bytes, *, client_context: str | None = None, trace_id: str | None = None
    ) -> InvocationResult:
        """Answer ``null``."""
        stream = f"stream-of-{spec.name}"
        return InvocationResult(
            "1", "success", 1.0, 1, 1, 1,
            payload=b"null", function_error=None, cold=False, environment_id="e", log_stream=stream,
        )  # fmt: skip

    def take_snapshot(self, spec: FunctionSpec) -> str | None:
        """Succeed."""
        return None

    def retire(self, arn_prefix: str) -> None:
        """Do nothing."""


def function(name: str, code: str) -> Any:
    """A record as moto keeps it."""
    return SimpleNamespace(
        function_arn=f"arn:aws:lambda:us-east-1:123456789012:function:{name}",
        function_name=name,
        version="$LATEST",
        run_time="python3.13",
        environment_vars={},
        layers=[],
        account_id="123456789012",
        region="us-east-1",
        logging_config={},
        logs_group_name="/group",
        code_digest=code,
        handler="app.handler",
        memory_size=128,
        timeout=3,
        ephemeral_storage=512,
        code_sha_256="",
        tags={},
        snap_start="None",
        revision_id="1",
    )


@pytest.mark.parametrize(("name", "forgotten"), [("lambda-tuner-clone-a", 1), ("mine", 0)])
def test_output_of_a_deleted_clone_is_dropped(tmp_path: Path, name: str, forgotten: int) -> None:
    """What a clone printed goes with it; a function of the user's keeps its log, as on AWS."""
    dropped: list[tuple[str, str]] = []
    code = CodeStore(tmp_path)
    runner = FunctionRunner(FakeHost(), FakeHost(), code, lambda *stream: dropped.append(stream), lambda _: None, {})
    (tmp_path / "code").mkdir()
    record = function(name, "code")
    runner.invoke(record, b"{}", None)

    runner.forget(f"{record.function_arn}-other")
    assert dropped == []
    runner.forget(record.function_arn)

    assert dropped == [("/group", f"stream-of-{name}")] * forgotten
