"""What creates and deletes temporary functions, for the entry points that do: the others start without it."""

from __future__ import annotations

import os
from functools import cache

from tuner.aws.clients import client
from tuner.aws.clones import Clones
from tuner.core.run.plan import read_tags


@cache
def clones() -> Clones:
    """Creates and deletes temporary functions."""
    return Clones(
        client("lambda"),
        log_group=os.environ["TUNER_CLONE_LOG_GROUP"],
        tags=read_tags(os.environ.get("TUNER_CLONE_TAGS", "")),
    )
