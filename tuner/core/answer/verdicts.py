"""Every verdict, with all that depends on it alone: its words, its colour, its exit code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, assert_never, get_args

GoalVerdict = Literal["GOAL_MET", "GOAL_NOT_MET", "UNCERTAIN"]
"""Of a run with a latency goal."""
Verdict = Literal[GoalVerdict, "NO_GOAL"]
"""Of a run with an answer."""
Ending = Literal[Verdict, "DRY_RUN"]
"""Of a run that did not fail."""
Tone = Literal["good", "caution", "bad", "neutral"]
"""How it is coloured: the class of a style sheet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictFacts:
    """What goes with a verdict wherever it is shown."""

    label: str
    tone: Tone
    exit_code: int
    """Of the command."""
    in_digest: str
    """Its words in the digest of a night."""
    certain_of: str = ""
    """What its confidence is the probability of; empty if it is none."""
    in_slider: str = ""
    """Its words where the answers under other goals are shown; empty if it cannot be one."""
    pick_word: str = "recommended"
    """What the recommended configuration may honestly be called."""
    change: Literal["if it is worth it", "if today's surely misses", "never"] = "never"
    """When to change today's configuration to the recommended one."""
    why_not: str = ""
    """Why a template is not patched, as a clause; empty if it may be."""


def facts_of(verdict: Ending) -> VerdictFacts:
    """Look a verdict up."""
    match verdict:
        case "GOAL_MET":
            return VerdictFacts(
                label="Goal met",
                tone="good",
                exit_code=0,
                in_digest="goal met",
                certain_of="that the goal is met",
                in_slider="met",
                change="if it is worth it",
            )
        case "GOAL_NOT_MET":
            return VerdictFacts(
                label="Goal not met",
                tone="bad",
                exit_code=3,
                in_digest="goal not met",
                certain_of="that no size meets it",
                in_slider="no size meets it",
                pick_word="best",
                why_not="no memory size met its goal",
            )
        case "UNCERTAIN":
            return VerdictFacts(
                label="Uncertain",
                tone="caution",
                exit_code=5,
                in_digest="uncertain",
                in_slider="not sure",
                pick_word="best guess",
                change="if today's surely misses",
                why_not="its budget ended before it was sure",
            )
        case "NO_GOAL":
            return VerdictFacts(
                label="No goal",
                tone="good",
                exit_code=0,
                in_digest="cheapest",
                certain_of="that it is best",
                change="if it is worth it",
            )
        case "DRY_RUN":
            return VerdictFacts(
                label="Dry run", tone="neutral", exit_code=0, in_digest="dry run", why_not="it was a dry run"
            )
        case _:
            assert_never(verdict)


def ending_named(name: object) -> Ending | None:
    """The verdict of that name in JSON that is not checked, such as a row of the index; ``None`` if there is none."""
    return next((known for known in get_args(Ending) if known == name), None)
