"""A few of the planted bugs: what should notice them does. ``make mutants`` tries them all."""

from __future__ import annotations

import pytest

from tests.mutants.__main__ import ROOT, try_one
from tests.mutants.catalogue import MUTANTS, Mutant

pytestmark = pytest.mark.timeout(600)


@pytest.mark.parametrize("mutant", [one for one in MUTANTS if one.quick], ids=lambda one: one.name)
def test_planted_bug_is_noticed(mutant: Mutant) -> None:
    """By every test and every cell of the fault matrix that stands beside it."""
    outcome = try_one(mutant)
    assert outcome.is_caught, f"{outcome.result}: {outcome.tells}"


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda one: one.name)
def test_planted_bug_has_its_place(mutant: Mutant) -> None:
    """Each change is of one place in today's code: a bug that cannot be planted proves nothing."""
    source = (ROOT / mutant.path).read_text(encoding="utf-8")
    assert [source.count(old) for old in (mutant.old, *(old for old, _ in mutant.more))] == [1] * (1 + len(mutant.more))
