"""The layout of the artifact bucket: every key, by who writes it. docs/limits.md says how long each stays."""

from __future__ import annotations

import base64

# --- of one run, under runs/<run id>/ ---------------------------------------------------------------------------------

RECORD = "request.json"
PLAN = "plan.json"
PAYLOADS = "payloads.json"
"""The events, one after the other as they are sent."""
PAYLOAD_SIZES = "payload-sizes.json"
"""How many bytes each of them has, so that one can be read without the others."""
PROGRESS = "progress.json"
EARLIER = "earlier.json"
EXPLANATION = "explanation.json"
SEARCH = "search.json"
DECISION = "decision.json"
ALTERNATIVES = "alternatives.json"
COMMAND = "command.json"
"""The command line that started the run, if the command wrote it down: runs without an account."""
FAILURE = "failure.json"
RESTORED = "restore.json"
STOP = "stop.json"
GIVEN_PAYLOAD = "payload.json"
"""A payload that is too large for the execution's input; whoever starts the run puts it there."""
FACTS = "facts.json"
OBSERVATIONS = "observations/"
ROUNDS = "rounds/"
REPORT_FILES = {"html": "report.html", "markdown": "report.md", "json": "report.json", "svg": "report.svg"}
"""By the names that the result's ``report`` field has."""


def run_key(run_id: str, name: str = "") -> str:
    """One of a run's objects; without a name, the folder of them all."""
    return f"runs/{run_id}/{name}"


# --- of all runs ------------------------------------------------------------------------------------------------------

INDEX = "index/"
OPEN_MARKS = "open/"
CODE_COPIES = "clones/"
USERS_PAYLOADS = "payloads/"
"""What users put there, for ``payloadS3``."""


def index_key(run_id: str) -> str:
    """The row of a run in the list of runs."""
    return f"{INDEX}{run_id}.json"


def open_mark_key(run_id: str) -> str:
    """The mark of a run whose end is still to be reported."""
    return f"{OPEN_MARKS}{run_id}.json"


def function_key(function_name: str, name: str = "") -> str:
    """What is kept of a function over its runs: its studies and its latest answer."""
    return f"functions/{function_name}/{name}"


def code_key(code_sha256: str) -> str:
    """A package, by the hash that Lambda gives it (base64)."""
    return f"{CODE_COPIES}{base64.b64decode(code_sha256).hex()}.zip"


def digest_key(day: str, ending: str) -> str:
    """A night's digest, by its day (``2026-11-28``) and the file's ending."""
    return f"fleet/{day}.{ending}"
