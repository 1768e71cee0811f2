"""A function for the tests: fails, sleeps or answers as the event asks."""

import json
import os
import time


class Wrong(Exception):
    """What the event asked for."""


def handler(event, context):
    """Fail, sleep or answer."""
    print("event", json.dumps(event))
    if isinstance(event, dict) and event.get("fail"):
        raise Wrong("on purpose")
    if isinstance(event, dict) and event.get("sleepS"):
        time.sleep(event["sleepS"])
    return {
        "event": event,
        "version": context.function_version,
        "memoryMb": context.memory_limit_in_mb,
        "colour": os.environ.get("COLOUR"),
        "capMb": os.environ.get("CAP_MB"),
        "trace": os.environ.get("_X_AMZN_TRACE_ID"),
    }
