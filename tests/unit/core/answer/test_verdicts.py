"""Every verdict's words, and what they are for."""

from __future__ import annotations

from typing import get_args

import pytest

from tuner.core.answer.verdicts import Ending, GoalVerdict, ending_named, facts_of


@pytest.mark.parametrize("ending", get_args(Ending))
def test_every_ending_has_its_words(ending: Ending) -> None:
    """It is found by its name; what must not be acted on has a reason, and what a slider can show has a word."""
    facts = facts_of(ending)
    assert ending_named(ending) == ending
    assert facts.label
    assert facts.in_digest
    assert (facts.why_not == "") == (facts.change == "if it is worth it")
    assert bool(facts.in_slider) == (ending in get_args(GoalVerdict))


def test_exit_codes_tell_an_unmet_goal_from_an_uncertain_one() -> None:
    """As docs/command.md publishes them."""
    codes = {ending: facts_of(ending).exit_code for ending in get_args(Ending)}
    assert codes == {"GOAL_MET": 0, "GOAL_NOT_MET": 3, "UNCERTAIN": 5, "NO_GOAL": 0, "DRY_RUN": 0}


def test_a_name_that_is_no_verdict_is_none() -> None:
    """Rows of an index or a night may hold anything."""
    assert ending_named("PERFECT") is None
    assert ending_named(None) is None
