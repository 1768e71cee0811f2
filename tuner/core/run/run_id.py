"""A run's id: the name of its execution, and with that a part of keys, paths, names and tags."""

from __future__ import annotations

import re
from typing import Any

from tuner.core.aws_limits import LONGEST_EXECUTION_NAME, TAG_VALUE
from tuner.core.errors import InvalidRequest, RunNotFound

_RUN_ID = re.compile(rf"(?!\.{{1,2}}\Z)[^/\x00-\x1f\x7f-\x9f]{{1,{LONGEST_EXECUTION_NAME}}}")
_ESCAPED = re.compile(r"=([0-9A-F]+)=")


def is_run_id(value: Any) -> bool:
    r"""Whether a run can have this id: one folder's name, and nothing that a terminal obeys.

    Example:
        >>> is_run_id("it's(me)!"), is_run_id(".."), is_run_id("a/b"), is_run_id("\x1b[31m"), is_run_id(5)
        (True, False, False, False, False)
    """
    return isinstance(value, str) and _RUN_ID.fullmatch(value) is not None


def check_run_id(value: Any) -> str:
    """Give *value* back if a run can have this id.

    Raises:
        RunNotFound: No run can.
    """
    if not is_run_id(value):
        raise RunNotFound(
            f"{value!r} is not the id of a run.",
            hint="The id of a run is the name of its execution; `lambda-tuner list` shows them.",
        )
    return str(value)


def run_tag(run_id: str) -> str:
    """Write a run's id as the value of a tag, from which ``run_of_tag`` reads it.

    Step Functions takes more characters in names than tags may have: those
    are written as their code point between equals signs.

    Raises:
        InvalidRequest: It is too long for a tag then.

    Example:
        >>> run_tag("night-1"), run_tag("it's")
        ('night-1', 'it=27=s')
    """
    tag = "".join(each if each != "=" and TAG_VALUE.fullmatch(each) else f"={ord(each):X}=" for each in run_id)
    if not TAG_VALUE.fullmatch(tag):
        raise InvalidRequest(
            [f"the execution's name, {run_id}, is too long for the tag of its temporary functions"],
            hint="Start again with a shorter name, or with only letters, digits, - and _.",
        )
    return tag


def run_of_tag(tag: str) -> str:
    """Read a run's id from the value of a tag.

    Example:
        >>> run_of_tag("it=27=s")
        "it's"
    """
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), tag)
