"""Filter patterns of CloudWatch Logs, as far as log lines are searched with them."""

from __future__ import annotations

import json
import re
from typing import Any

_TERM = re.compile(r'([?-]?)(?:"((?:[^"\\]|\\.)*)"|(\S+))')
_JSON_TERM = re.compile(r"""\$\.([\w.]+)\s*(=|!=|>=|<=|>|<)\s*(?:"([^"]*)"|([^\s&|)}]+))""")


def matches_filter(pattern: str | None, message: str) -> bool:
    """Tell whether a log event's message matches a filter pattern.

    Known are terms (all must occur, whole or quoted), ``?term`` (one of these
    must occur), ``-term`` (must not occur) and JSON conditions joined by
    either ``&&`` or ``||`` ("Filter pattern syntax", CloudWatch Logs guide).
    An empty pattern matches everything, an unknown form nothing.

    Example:
        >>> matches_filter('"REPORT RequestId" -error', "REPORT RequestId: 1 Duration: 2 ms")
        True
        >>> matches_filter('{ $.type = "platform.report" }', '{"type": "platform.report"}')
        True
    """
    text = (pattern or "").strip()
    if not text:
        return True
    if text.startswith("{"):
        return _matches_json(text, message)
    if text.startswith(("[", "%")):
        return False
    required: list[str] = []
    optional: list[str] = []
    excluded: list[str] = []
    for sign, quoted, bare in _TERM.findall(text):
        term = re.sub(r"\\(.)", r"\1", quoted) if quoted or not bare else bare
        {"?": optional, "-": excluded}.get(sign, required).append(term)
    return (
        all(term in message for term in required)
        and not any(term in message for term in excluded)
        and (not optional or bool(required) or any(term in message for term in optional))
    )


def _matches_json(pattern: str, message: str) -> bool:
    try:
        document = json.loads(message)
    except ValueError:
        return False
    results = [
        _compare(_select(document, path), operator, quoted or bare)
        for path, operator, quoted, bare in _JSON_TERM.findall(pattern)
    ]
    if not results:
        return False
    return any(results) if "||" in pattern else all(results)


def _select(document: Any, path: str) -> Any:
    for name in path.split("."):
        if not isinstance(document, dict) or name not in document:
            return None
        document = document[name]
    return document


def _compare(found: Any, operator: str, wanted: str) -> bool:
    if found is None:
        return False
    if operator in ("=", "!="):
        text = json.dumps(found) if isinstance(found, bool | int | float) else str(found)
        equal = re.fullmatch(re.escape(wanted).replace(r"\*", ".*"), text) is not None
        return equal if operator == "=" else not equal
    try:
        left, right = float(found), float(wanted)
    except (TypeError, ValueError):
        return False
    return {">": left > right, "<": left < right, ">=": left >= right, "<=": left <= right}[operator]
