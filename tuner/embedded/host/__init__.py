"""Runs Lambda functions for real on this machine: each execution environment is a process of its own.

The parts, from the outside in::

    execution_host   which environment serves an invocation; the queue for this machine's cores
    environment      one environment: init or restore, invocations, REPORT, rest, end
    init, running    what is watched until a worker is ready, and until it has answered
    verdict          how an init or an invocation ended, in AWS's words
    worker           the process itself: started, frozen, ended; its output
    variables        the environment variables of a worker
    runtime_api      the Lambda Runtime API of one environment on 127.0.0.1
    cpu_share        CPU time in proportion to the memory size, by stopping and continuing
    process_tree     what is known of a worker and its children: CPU time, memory, state; their end
    platform_log     START, END, REPORT and platform.* records, as AWS writes them
    watchdog         ends the workers when this process dies without having done so
"""

from __future__ import annotations

from tuner.embedded.host.execution_host import ExecutionHost
from tuner.embedded.host.model import FunctionSpec, InvocationResult, LogLine, LogSink

__all__ = ["ExecutionHost", "FunctionSpec", "InvocationResult", "LogLine", "LogSink"]
