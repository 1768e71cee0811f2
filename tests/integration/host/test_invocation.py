"""What an invocation answers: results, errors, and what the platform makes of a function that breaks."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

from tests.integration.host.conftest import Workbench


def test_result_is_what_the_handler_returns(bench: Workbench) -> None:
    """The event arrives as sent, and the handler's value comes back as JSON."""
    spec = bench.function("def handler(event, context): return {'got': event}")

    result = bench.invoke(spec, {"ü": [1, 2.5, None]})

    assert json.loads(result.payload) == {"got": {"ü": [1, 2.5, None]}}
    assert (result.function_error, result.status, result.error_type) == (None, "success", None)


def test_context_tells_of_the_function(bench: Workbench) -> None:
    """The context has what Lambda puts there, the remaining time below the time-out."""
    spec = bench.function(
        """
        def handler(event, context):
            return {
                "id": context.aws_request_id, "name": context.function_name, "version": context.function_version,
                "memory": context.memory_limit_in_mb, "arn": context.invoked_function_arn,
                "group": context.log_group_name, "stream": context.log_stream_name,
                "remaining_ms": context.get_remaining_time_in_millis(),
                "identity": context.identity.cognito_identity_id,
                "client": context.client_context and context.client_context.client.app_title,
            }
        """,
        version="7",
    )

    result = bench.host.invoke(spec, b"{}", client_context='{"client": {"app_title": "till"}}')

    context = json.loads(result.payload)
    assert 20_000 < context.pop("remaining_ms") <= 30_000
    assert context == {
        "id": result.request_id,
        "name": "f",
        "version": "7",
        "memory": "1769",
        "arn": spec.arn,
        "group": "/aws/lambda/f",
        "stream": result.log_stream,
        "identity": None,
        "client": "till",
    }


def test_exception_becomes_the_payload(bench: Workbench) -> None:
    """An exception is answered with message, type, request id and the handler's own stack; the environment stays."""
    spec = bench.function(
        """
        def handler(event, context):
            if event == "fail":
                raise LookupError("no such thing")
        """
    )

    result = bench.invoke(spec, "fail")

    error = json.loads(result.payload)
    assert result.function_error == "Unhandled"
    assert (error["errorType"], error["errorMessage"]) == ("LookupError", "no such thing")
    assert error["requestId"] == result.request_id
    (frame,) = error["stackTrace"]
    assert "app.py" in frame
    assert "raise LookupError" in frame
    assert "[ERROR] LookupError: no such thing" in result.log_tail
    assert "Status:" not in result.log_tail  # AWS marks only what the platform ended
    assert not bench.invoke(spec).cold


@pytest.mark.parametrize(
    ("code", "handler", "error_type", "message"),
    [
        (
            "import no_such_module",
            "app.handler",
            "Runtime.ImportModuleError",
            "Unable to import module 'app': No module",
        ),
        ("def handler(:", "app.handler", "Runtime.UserCodeSyntaxError", "Syntax error in module 'app': "),
        ("handler = print", "app.other", "Runtime.HandlerNotFound", "Handler 'other' missing on module 'app'"),
        ("handler = print", "other.handler", "Runtime.ImportModuleError", "Unable to import module 'other': No module"),
        (
            "handler = print",
            "nodot",
            "Runtime.MalformedHandlerName",
            "Bad handler 'nodot': not enough values to unpack",
        ),
        ("raise KeyError('SETTING')", "app.handler", "KeyError", "'SETTING'"),
    ],
)
def test_failed_init_is_answered_by_its_name(
    bench: Workbench, code: str, handler: str, error_type: str, message: str
) -> None:
    """A function that cannot be loaded answers with the runtime's error, after the platform has tried twice."""
    result = bench.invoke(bench.function(code, handler=handler))

    error = json.loads(result.payload)
    assert result.function_error == "Unhandled"
    assert error["errorType"] == error_type == result.error_type
    assert error["errorMessage"].startswith(message)
    assert result.init_ms is None
    lines = result.log_tail.splitlines()
    assert sum(line.startswith("INIT_REPORT ") for line in bench.logs.messages()) == 2
    assert lines[-1].endswith(f"\tStatus: error\tError Type: {error_type}")


@pytest.mark.parametrize(
    ("ending", "reason"),
    [
        ("sys.exit(1)", "Runtime exited with error: exit status 1"),
        ("os._exit(3)", "Runtime exited with error: exit status 3"),
        ("sys.exit(0)", "Runtime exited without providing a reason"),
        ("os.kill(os.getpid(), 11)", "Runtime exited with error: signal: segmentation fault"),
    ],
)
def test_exit_of_the_worker_is_an_exit_error(bench: Workbench, ending: str, reason: str) -> None:
    """A worker that ends inside the handler is reported with its exit status, and a new one serves the next."""
    spec = bench.function(
        f"""
        import os, sys
        def handler(event, context):
            if event == "end":
                {ending}
        """
    )

    result = bench.invoke(spec, "end")

    assert json.loads(result.payload) == {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: {result.request_id} Error: {reason}",
    }
    assert result.log_tail.rstrip().endswith("\tStatus: error\tError Type: Runtime.ExitError")
    assert bench.invoke(spec).cold


def test_exit_while_loading_is_an_exit_error(one_bench: Workbench) -> None:
    """A worker that ends before it asks for an event leaves only its exit status."""
    result = one_bench.invoke(one_bench.function("import os; os._exit(4)"))

    assert json.loads(result.payload)["errorMessage"] == "Error: Runtime exited with error: exit status 4"
    assert result.error_type == "Runtime.ExitError"


def test_time_out_ends_the_worker(bench: Workbench) -> None:
    """At the time-out the duration is exactly the time-out, as on AWS, and the environment is gone."""
    spec = bench.function(
        """
        import time
        def handler(event, context):
            time.sleep(60 if event == "hang" else 0)
        """,
        timeout_s=0.5,
    )

    result = bench.invoke(spec, "hang")

    assert json.loads(result.payload) == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": f"RequestId: {result.request_id} Error: Task timed out after 0.50 seconds",
    }
    assert (result.status, result.duration_ms) == ("timeout", 500.0)
    assert result.log_tail.rstrip().endswith("\tStatus: timeout")
    assert bench.invoke(replace(spec, timeout_s=30)).cold


def test_too_much_memory_ends_the_worker(bench: Workbench) -> None:
    """A worker that passes its memory size is killed, and the report says that it used all of it."""
    spec = bench.function(
        """
        def handler(event, context):
            return len(bytearray(int(event) << 20))
        """,
        memory_mb=128,
    )

    result = bench.invoke(spec, 400)

    assert json.loads(result.payload) == {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: {result.request_id} Error: Runtime exited with error: signal: killed",
    }
    assert (result.error_type, result.max_memory_used_mb) == ("Runtime.OutOfMemory", 128)
    assert result.log_tail.rstrip().endswith("\tMax Memory Used: 128 MB\tInit Duration: "
        f"{result.init_ms:.2f} ms\tStatus: error\tError Type: Runtime.OutOfMemory")  # fmt: skip
    assert bench.answer(spec, 1) == 1 << 20


def test_memory_is_the_high_water_mark_of_the_environment(one_bench: Workbench) -> None:
    """Max Memory Used does not fall when a later invocation of the same environment needs less."""
    spec = one_bench.function(
        """
        def handler(event, context):
            return len(bytearray(event << 20))
        """
    )

    large = one_bench.invoke(spec, 100)
    small = one_bench.invoke(spec, 1)

    assert 100 < large.max_memory_used_mb < 200
    assert small.max_memory_used_mb == large.max_memory_used_mb


def test_response_above_six_megabytes_is_refused(one_bench: Workbench) -> None:
    """A response that Lambda would not carry is an error that says how large it was."""
    spec = one_bench.function("def handler(event, context): return 'x' * event")

    assert len(one_bench.invoke(spec, 5_000_000).payload) == 5_000_002
    result = one_bench.invoke(spec, 7_000_000)

    error = json.loads(result.payload)
    assert error["errorType"] == result.error_type == "Function.ResponseSizeTooLarge"
    assert "7000002 bytes" in error["errorMessage"]


def test_large_event_arrives_whole(bench: Workbench) -> None:
    """An event of megabytes is delivered."""
    spec = bench.function("def handler(event, context): return len(event)")

    assert bench.answer(spec, "x" * 5_000_000) == 5_000_000


def test_value_without_json_form_is_a_marshal_error(bench: Workbench) -> None:
    """A return value that JSON cannot hold is the runtime's own error."""
    result = bench.invoke(bench.function("def handler(event, context): return {1, 2}"))

    error = json.loads(result.payload)
    assert error["errorType"] == "Runtime.MarshalError"
    assert error["errorMessage"].startswith("Unable to marshal response: Object of type set is not JSON serializable")


def test_event_that_is_not_json_is_an_unmarshal_error(bench: Workbench) -> None:
    """An event that is not JSON does not end the environment."""
    spec = bench.function("def handler(event, context): return event")

    result = bench.host.invoke(spec, b"{broken")

    assert json.loads(result.payload)["errorType"] == "Runtime.UnmarshalError"
    assert bench.answer(spec, "fine") == "fine"


def test_decimal_is_a_number(bench: Workbench) -> None:
    """What DynamoDB's client returns can be returned."""
    spec = bench.function(
        """
        import decimal
        def handler(event, context): return [decimal.Decimal("3"), decimal.Decimal("2.5")]
        """
    )

    assert bench.answer(spec) == [3, 2.5]


def test_init_and_duration_are_billed_together(bench: Workbench) -> None:
    """A cold start has an init, a warm one none; billed is the whole milliseconds of both together."""
    spec = bench.function("def handler(event, context): return None")

    cold, warm = bench.invoke(spec), bench.invoke(spec)

    assert cold.cold
    assert cold.init_ms is not None
    assert cold.billed_ms == math.ceil(cold.duration_ms + cold.init_ms)
    assert not warm.cold
    assert warm.init_ms is None
    assert warm.billed_ms == math.ceil(warm.duration_ms)


def test_slow_init_is_repeated_inside_the_invocation(one_bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    """An init beyond its limit is ended and done again, within the duration and without an Init Duration."""
    monkeypatch.setattr("tuner.embedded.host.environment.INIT_LIMIT_S", 0.05)
    spec = one_bench.function(
        """
        import time
        time.sleep(0.2)
        def handler(event, context): return "there"
        """
    )

    result = one_bench.invoke(spec)

    assert result.payload == b'"there"'
    assert result.init_ms is None
    assert result.duration_ms > 200
    assert any("\tPhase: init\tStatus: timeout" in line for line in one_bench.logs.messages())
