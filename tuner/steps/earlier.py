"""What a run may start from: kept with the run, so that none of its steps needs the study for it."""

from __future__ import annotations

from dataclasses import dataclass

from tuner.aws.artifacts import RunArtifacts
from tuner.core.codec import from_json
from tuner.core.model import EarlierRun
from tuner.core.run.bucket_layout import EARLIER


@dataclass(frozen=True, slots=True)
class Earlier:
    """What the run may start from, read once, so that every step of the run sees the same."""

    runs: tuple[EarlierRun, ...] = ()
    reason: str = "There is no earlier run of the same code, configuration and payload within the last 60 days."
    """Why there is nothing to start from; of no meaning if there is."""
    warning: str | None = None


def load_earlier(artifacts: RunArtifacts) -> Earlier:
    """What the run may start from; nothing before its first suggestion."""
    stored = artifacts.find(EARLIER)
    return Earlier() if stored is None else from_json(Earlier, stored)
