"""Versions with SnapStart: their init is made before, and each environment begins with a restore."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.integration.host.conftest import workbench
from tuner.core.log_records import InitReport, ReportRecord, RestoreReport, find_report, parse_log

pytest.importorskip("snapshot_restore_py", reason="comes with AWS's runtime client, which is for Linux")

CODE = """
    import time
    from snapshot_restore_py import register_after_restore, register_before_snapshot

    time.sleep(0.5)
    told = []
    register_before_snapshot(told.append, "first")
    register_before_snapshot(told.append, "second")

    @register_after_restore
    def reconnect():
        time.sleep(0.05)
        told.append("restored")

    def handler(event, context):
        return told
"""
TOLD = ["second", "first", "restored"]


@pytest.mark.parametrize("own_client", [False, True])
@pytest.mark.parametrize("log_format", ["Text", "JSON"])
def test_the_first_invocation_finds_the_init_made(tmp_path: Path, own_client: bool, log_format: str) -> None:
    """Hooks run in AWS's order, REPORT tells a restore and no init, and what is billed of it is in the whole."""
    with workbench(tmp_path, force_bootstrap=own_client) as bench:
        spec = bench.function(CODE, version="1", snap_start=True, log_format=log_format)
        assert bench.host.take_snapshot(spec) is None
        (init,) = [record for record in parse_log("\n".join(bench.logs.messages())) if isinstance(record, InitReport)]
        assert init.init_ms >= 500
        first = bench.invoke(spec)
        assert json.loads(first.payload) == TOLD
        record = find_report(first.log_tail, first.request_id)
        assert isinstance(record, ReportRecord)
        assert record.init_ms is None
        assert record.restore_ms is not None
        assert record.billed_restore_ms is not None
        assert 50 <= record.restore_ms < 450
        assert 50 <= record.billed_restore_ms <= record.restore_ms + 1
        assert record.billed_ms == pytest.approx(record.duration_ms + record.billed_restore_ms, abs=1.01)
        (restore,) = [one for one in parse_log(first.log_tail) if isinstance(one, RestoreReport)]
        assert restore.restore_ms == pytest.approx(record.restore_ms, abs=0.01)
        warm = bench.invoke(spec)
        record = find_report(warm.log_tail, warm.request_id)
        assert record is not None
        assert (record.cold, warm.cold, warm.environment_id) == (False, False, first.environment_id)


def test_further_environments_are_restored_too(tmp_path: Path) -> None:
    """Also where no snapshot was taken before: the init is made where no record tells of it."""
    with workbench(tmp_path) as bench:
        spec = bench.function(CODE, version="1", snap_start=True)
        result = bench.invoke(spec)
        assert json.loads(result.payload) == TOLD
        assert result.cold
        assert result.restore_ms is not None
        assert result.restore_ms < 450
        assert result.init_ms is None


@pytest.mark.parametrize("own_client", [False, True])
@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("raise RuntimeError('no table')", "RuntimeError: no table"),
        ("import os; os._exit(3)", "Runtime.ExitError"),
        (
            "import snapshot_restore_py as s\ns.register_before_snapshot(lambda: 1 / 0)\ndef handler(e, c): ...",
            "Runtime.BeforeSnapshotError: division by zero",
        ),
    ],
)
def test_an_init_that_fails_gives_no_snapshot(tmp_path: Path, own_client: bool, code: str, reason: str) -> None:
    """And says why."""
    with workbench(tmp_path, force_bootstrap=own_client) as bench:
        spec = bench.function(code, version="1", snap_start=True)
        told = bench.host.take_snapshot(spec)
        assert told is not None
        assert told.startswith(reason)


@pytest.mark.parametrize("own_client", [False, True])
def test_a_hook_that_fails_after_the_restore_fails_the_invocation(tmp_path: Path, own_client: bool) -> None:
    """The handler does not run, and the next invocation begins anew."""
    code = """
        import snapshot_restore_py
        snapshot_restore_py.register_after_restore(lambda: 1 / 0)
        def handler(event, context):
            return 1
    """
    with workbench(tmp_path, force_bootstrap=own_client) as bench:
        spec = bench.function(code, version="1", snap_start=True)
        assert bench.host.take_snapshot(spec) is None
        results = [bench.invoke(spec) for _ in range(2)]
        assert [result.error_type for result in results] == ["Runtime.AfterRestoreError"] * 2
        assert json.loads(results[0].payload)["errorMessage"] == "division by zero"
        assert all(result.cold and result.function_error == "Unhandled" for result in results)
