"""What isolation costs: the calls of Lambda's control plane that a run makes, and the time that its steps take.

``python -m tests.faults.calls`` runs the whole application once and prints
both as JSON. Control-plane calls share 15 a second with everything else in
an account and Region (``GetFunction`` and ``GetPolicy`` have limits of their
own); the seconds are this machine's.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

from tests.faults.world import TARGET, Caller, world

_DATA_PLANE = {"Invoke"}
_LIMITS_OF_THEIR_OWN = {"GetFunction", "GetPolicy"}
_READS = ("Get", "List")
_ISOLATION = ("plan", "copy-code", "create-clones", "restore")


def count_calls(**request: Any) -> dict[str, Any]:
    """Run ``tune`` once and count what it asked of Lambda.

    Args:
        request: Fields of the execution's input besides ``lambdaARN``.

    Returns:
        ``sizes`` (temporary functions made), ``invocations``, ``calls`` by
        operation, their sums, and the seconds of the steps that isolate.
    """
    calls: Counter[str] = Counter()
    seconds: defaultdict[str, float] = defaultdict(float)

    def note_call(caller: Caller, number: int, call: Any, go: Callable[[], Any]) -> Any:
        if call.service == "lambda" and call.operation not in _DATA_PLANE:
            calls[call.operation] += 1
        return go()

    def note_visit(caller: Caller, go: Callable[[], Any]) -> Any:
        started = time.perf_counter()
        try:
            return go()
        finally:
            seconds[caller.function.removeprefix("lambda-tuner-")] += time.perf_counter() - started

    with world() as account:
        account.around_call, account.around_visit = note_call, note_visit
        execution = account.start("tune", {"lambdaARN": TARGET, **request})
        account.settle()
        described = account.describe(execution)
        if described["status"] != "SUCCEEDED":
            raise RuntimeError(f"the run ended {described['status']}: {described.get('cause')}")
        report: Any = account.object(f"runs/{execution.rpartition(':')[2]}/report.json")
    writing = sum(count for name, count in calls.items() if not name.startswith(_READS))
    return {
        "sizes": len(report["restored"]["removed"]),
        "invocations": report["invocations"],
        "calls": dict(sorted(calls.items())),
        "callCount": calls.total(),
        "writingCount": writing,
        "sharedLimitCount": sum(count for name, count in calls.items() if name not in _LIMITS_OF_THEIR_OWN),
        "seconds": {name: round(seconds[name], 2) for name in _ISOLATION},
    }


if __name__ == "__main__":
    json.dump(count_calls(**json.loads(sys.argv[1] if len(sys.argv) > 1 else "{}")), sys.stdout, indent=2)
    print()
