"""A view into moto's interpreter of state machines: executions followed state by state, at the tests' own pace."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    pass
from tuner.embedded.moto_patches.common import replace_everywhere


def watch_interpreter(
    *,
    entered: Callable[[str, str], None],
    time_out_s: Callable[[str, float], float],
    pause: Callable[[float], None],
) -> None:
    """Let tests follow executions state by state, at their own pace.

    Args:
        entered: Called in the interpreter's thread with an execution's ARN and
            the name of the state that it has just entered.
        time_out_s: Gives the timeout to apply, from a state's name and its
            own ``TimeoutSeconds``.
        pause: Waits for that many seconds between retries and in Wait states.
    """
    from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
    from moto.stepfunctions.parser.asl.component.common.timeouts.timeout import TimeoutSeconds
    from moto.stepfunctions.parser.asl.component.state.state import CommonStateField
    from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import WaitFunction

    original_input = CommonStateField._eval_state_input
    original_seconds = TimeoutSeconds._eval_seconds

    def _eval_state_input(self: Any, env: Any) -> None:
        entered(str(env.states.context_object.context_object_data["Execution"]["Id"]), str(self.name))
        original_input(self, env)

    def _eval_seconds(self: Any, env: Any) -> float:
        state = str(env.states.context_object.context_object_data["State"]["Name"])
        return time_out_s(state, float(original_seconds(self, env)))

    def _wait_interval(self: Any, env: Any, wait_seconds: float) -> None:
        pause(wait_seconds)

    CommonStateField._eval_state_input = _eval_state_input
    TimeoutSeconds._eval_seconds = _eval_seconds
    WaitFunction._wait_interval = _wait_interval
    retrier_decl.time = types.SimpleNamespace(sleep=pause)


def end_time_of(execution_arn: str) -> None:
    """Let an execution's time be over, as its machine's ``TimeoutSeconds`` does; a task that runs, nobody stops."""
    from moto.stepfunctions.parser.models import stepfunctions_parser_backends

    region, account = execution_arn.split(":")[3:5]
    execution = stepfunctions_parser_backends[account][region].describe_execution(execution_arn)
    execution.exec_worker.env.set_timed_out()
    execution.exec_worker._execution_communication.terminated()


def use_interpreter_clients(client: Callable[[str, str | None], Any]) -> None:
    """Give the interpreter the clients of the process that it runs in, by the service and the machine's role."""
    from moto.stepfunctions.parser.asl.utils import boto_client

    def boto_client_for(region: str, service: str, state_credentials: Any = None) -> Any:
        return client(service, getattr(state_credentials, "role_arn", None))

    replace_everywhere("boto_client_for", boto_client.boto_client_for, boto_client_for)
