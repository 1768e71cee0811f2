"""A function, and the installations in which a run of it may be planned."""

from __future__ import annotations

from tuner.core.function.target import read_target
from tuner.core.run.installation import Installation, Machine

TARGET = read_target(
    {
        "FunctionArn": "arn:aws:lambda:eu-west-1:123456789012:function:theirs",
        "FunctionName": "theirs",
        "MemorySize": 1024,
        "Timeout": 10,
        "Architectures": ["arm64"],
    },
    qualifier=None,
    reserved_concurrency=None,
)
ACCOUNT = Installation("123456789012", "eu-west-1", 10_240, "/lambda-tuner/clones")
IDLE = Machine("laptop", cores=2, architecture="arm64", load=0.1)


def on(machine: Machine) -> Installation:
    """On the user's own machine."""
    return Installation("123456789012", "eu-west-1", 3_538, "/lambda-tuner/clones", machine=machine)
