"""Writes docs/schema/examples/ anew: ``python -m tests.unit.report.write_examples``.

The examples are the test documents with most modelled sizes left out, so that
a reader can take them in.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.unit.report.documents import EXAMPLES, goal_met
from tuner.core.answer.codec import execution_output

FOLDER = Path(__file__).parents[3] / "docs/schema/examples"
KEPT_EVERY_MB = 512
"""Of the sizes that were not invoked those stay that are a multiple of this."""


KEPT_STEPS = 5
"""Of the limits that the slider knows, every one of so many stays, and the run's own."""


def shortened(document: dict[str, Any]) -> dict[str, Any]:
    """The document with the sizes that were invoked, those with a role, and a few modelled ones.

    Without the decision and the console: the published examples are of the first version and stay as they are.
    """
    document = {key: value for key, value in document.items() if key != "decision"}
    if "report" in document:
        document["report"] = {kind: place for kind, place in document["report"].items() if kind != "console"}
    if "configurations" not in document:
        return document
    named = {document[which]["memoryMb"] for which in ("recommended", "current", "safer") if document[which]}
    rows = [
        row
        for row in document["configurations"]
        if row["samples"] or row["failures"] or row["memoryMb"] in named or row["memoryMb"] % KEPT_EVERY_MB == 0
    ]
    found = {**document, "configurations": rows}
    if "goalAlternatives" in document:
        own = (document["goal"] or {}).get("limitMs")
        steps = document["goalAlternatives"]["steps"]
        kept = [step for place, step in enumerate(steps) if place % KEPT_STEPS == 0 or step["limitMs"] == own]
        found["goalAlternatives"] = {**document["goalAlternatives"], "steps": kept}
    return found


def as_text(document: dict[str, Any]) -> str:
    """JSON with one line for each configuration and each observation."""
    parts = []
    for key, value in document.items():
        if key == "goalAlternatives":
            groups = [
                f"    {json.dumps(group)}: [\n"
                + ",\n".join("      " + json.dumps(row) for row in value[group])
                + "\n    ]"
                for group in ("choices", "steps")
            ]
            parts.append(f'  "{key}": {{\n    "percentile": {value["percentile"]},\n' + ",\n".join(groups) + "\n  }")
        elif key in ("configurations", "observations") and value:
            rows = ",\n".join("    " + json.dumps(row) for row in value)
            parts.append(f"  {json.dumps(key)}: [\n{rows}\n  ]")
        else:
            text = json.dumps(value, indent=2, ensure_ascii=False).replace("\n", "\n  ")
            parts.append(f"  {json.dumps(key)}: {text}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def main() -> None:
    """Write every example."""
    for name, make in EXAMPLES.items():
        (FOLDER / f"{name}.json").write_text(as_text(shortened(make())), encoding="utf-8")
    output = json.dumps(execution_output(shortened(goal_met())), indent=2) + "\n"
    (FOLDER / "execution-output.json").write_text(output, encoding="utf-8")


if __name__ == "__main__":
    main()
