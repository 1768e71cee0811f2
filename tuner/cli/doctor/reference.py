"""``python -m tuner.cli.doctor.reference``: record what the embedded AWS does with the probe, for the package."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from tuner.cli.account import embedded_account, find_stack
from tuner.cli.doctor.comparison import REFERENCE, plain
from tuner.cli.doctor.probe import run_probe
from tuner.cli.follow import caught_interrupts
from tuner.embedded.account import embedded_aws


def main() -> int:
    """Run the probe on an embedded AWS of its own and write ``reference.json``."""
    with tempfile.TemporaryDirectory() as home, embedded_aws(home=Path(home)) as aws, caught_interrupts() as interrupts:
        account = embedded_account(aws)
        probed = run_probe(account, find_stack(account) or {}, interrupts, lambda text: print(text, file=sys.stderr))
    failed = [check for check in probed.checks if check.status == "failed"]
    if failed or probed.interrupted:
        print(*(check.sentence for check in failed), sep="\n", file=sys.stderr)
        return 1
    document = {name: plain(run) for name, run in probed.runs.items()}
    REFERENCE.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
