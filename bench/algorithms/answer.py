"""What an algorithm answers."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Answer:
    """The picked size, and what the algorithm claims about it."""

    pick: int
    verdict: str = "NONE"
    confidence: float | None = None
    """Probability that it claims for its verdict."""
    goal_probability: float | None = None
    within_5_percent: float | None = None
    expected_loss: float | None = None
    """What it expects its pick to lose, extra cost and misses together."""
    suggest_ms: tuple[float, ...] = field(default=())
    """CPU time of each suggestion."""
    round_count: int = 0
