"""The verdict in words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.report import documents
from tests.unit.report.documents import changed
from tuner.core.answer.codec import decode, encode
from tuner.core.answer.recommendation import Explanation, Interval, MoreInvocations
from tuner.core.answer.report import RunReport
from tuner.core.function.snapshot import Check, ForeignChange
from tuner.core.model import Candidate, LatencyGoal, Strategy
from tuner.report.sentences import Figure, plain, restored_sentence, verdict_message


def headline(document: RunReport) -> str:
    """The first sentence as text."""
    return plain(verdict_message(document).headline)


def at(document: Any, path: str) -> Any:
    """The field at a dotted path."""
    for step in path.split("."):
        document = document[int(step)] if isinstance(document, list) else document[step]
    return document


def test_a_met_goal_names_both_sizes_latency_cost_saving_and_confidence() -> None:
    """Everything that the decision needs is in the first sentence."""
    assert headline(documents.goal_met()) == (
        "Change the memory size from 3,008 MB to 1,024 MB: a modelled p95 of 212 ms (200–225), 58% longer than today's "
        "modelled 134 ms, meets the goal of 225 ms, and a million invocations cost $2.84 instead of $5.10, 44% less "
        "(41–47%). The probability that it meets the goal is 96%."
    )


def test_an_unmet_goal_is_said_to_be_unmet_and_by_how_much() -> None:
    """The best size and its distance from the goal are named."""
    text = headline(documents.goal_not_met())
    assert text.startswith("No memory size from 128 to 10,240 MB meets p95 ≤ 100 ms: the fastest is 1,856 MB")
    assert "33.7 ms (34%) over the goal" in text
    assert text.endswith("The probability that no size meets the goal is over 99%.")
    assert verdict_message(documents.goal_not_met()).tone == "bad"


def test_one_size_that_misses_is_not_called_the_best() -> None:
    """There is nothing that it could be the best of."""
    document = replace(documents.one_size(), verdict="GOAL_NOT_MET", goal=LatencyGoal(95, 300))
    assert headline(document).startswith(
        "The only size that was allowed, 512 MB, does not meet p95 ≤ 300 ms: it has a modelled p95 of 395 ms"
    )


def test_uncertainty_is_said_with_the_probability_and_the_safe_side() -> None:
    """The reader learns what was asked, what was reached and what would be safe."""
    message = verdict_message(documents.uncertain())
    assert "could not tell for sure" in plain(message.headline)
    assert "The probability that it meets the goal is 66% (90% was asked for)." in plain(message.headline)
    assert plain(message.support[0]).startswith("On the safe side: 1,152 MB")
    assert plain(message.support[1]) == "The budget of 40 invocations is used up."
    document = replace(documents.uncertain(), explanation=Explanation((), (), (MoreInvocations(10, 0.25),)))
    lines = [plain(line) for line in verdict_message(document).support]
    assert "The probability that further invocations decide it: 25% after 10 more." in lines


def test_without_a_goal_the_price_in_latency_is_named() -> None:
    """A cheaper but slower size is not sold as a plain gain."""
    text = headline(documents.no_goal())
    assert "from 1,024 MB to 256 MB, the cheapest" in text
    assert "it has a modelled p95 of 564 ms (532–601), 2.9 times as long as today's modelled 193 ms" in text
    assert "no latency goal was asked for" in text


@pytest.mark.parametrize(
    ("strategy", "label", "best", "sure"),
    [
        ("speed", "Fastest size", "the cheapest of the fastest", "that no size is more than 5% faster"),
        ("balanced", "Balanced size", "the best balance of cost and duration", "more than 5% better balanced"),
    ],
)
def test_another_strategy_is_named(strategy: Strategy, label: str, best: str, sure: str) -> None:
    """A size that was chosen for its speed is not sold as the cheapest."""
    message = verdict_message(documents.with_strategy(strategy))
    text = plain(message.headline)
    assert message.label == label
    assert f", {best}: " in text
    assert sure in text
    assert "cheaper." not in text


def test_a_dry_run_promises_nothing() -> None:
    """It says what was done and the most that a run would take."""
    text = headline(documents.dry_run())
    assert text.startswith("Only 1 invocation so far, nothing was changed: this run would take at most 50 invocations")


def test_a_failed_run_says_what_where_and_what_next() -> None:
    """The error's own words, what it had cost, and the hint."""
    message = verdict_message(documents.failed_run())
    assert message.label == "Failed: PayloadFailed"
    assert "KeyError: 'image'" in plain(message.headline)
    assert [plain(line) for line in message.support] == [
        "It had made 1 invocation, which cost $0.000006.",
        "The function is as it was, and nothing of the run is left.",
    ]
    assert message.next_step.startswith("Give a payload")


def test_a_failure_without_a_reason_still_gets_a_sentence() -> None:
    """A run that ended before it knew anything is said to be that."""
    error = {"name": "ServiceError", "message": "", "hint": ""}
    assert headline(decode({"runId": "r", "error": error})) == "The run failed: No reason is known."


def test_a_local_verdict_speaks_of_this_machine_only() -> None:
    """Milliseconds of a laptop are never presented as those of AWS."""
    message = verdict_message(documents.local_run())
    assert "on this machine" in plain(message.headline)
    assert any("not in AWS" in plain(line) for line in message.support)


def test_an_anchored_local_verdict_says_by_what_it_was_scaled() -> None:
    """The factor that turned this machine's milliseconds into AWS's is named."""
    message = verdict_message(replace(documents.local_run(), anchor_factor=1.37))
    assert any("multiplied by 1.37" in plain(line) for line in message.support)


def test_the_size_stays_where_it_is_best() -> None:
    """No change is said as plainly as a change."""
    document = documents.finished_run(recommended_mb=1024, current_mb=1024)
    assert headline(document).startswith("Keep 1,024 MB, the cheapest size that meets the goal:")
    assert headline(documents.one_size()).startswith("Keep 512 MB, the only size that was allowed:")


def test_a_dearer_recommendation_says_why() -> None:
    """More money is asked for only with the reason: today's size misses the goal."""
    message = verdict_message(documents.local_run())
    assert "12% more" in plain(message.headline)
    assert plain(message.support[0]).startswith("The assumed 128 MB misses it with a modelled p95 of 1,597 ms")


def test_a_month_is_priced_only_where_the_traffic_is_known() -> None:
    """A monthly figure is never invented."""
    assert any("a month" in plain(line) for line in verdict_message(documents.no_goal()).support)
    assert not any("a month" in plain(line) for line in verdict_message(documents.goal_met()).support)


def test_another_architecture_is_part_of_the_sizes_name() -> None:
    """With two architectures in the space, each size says which it is of."""
    document = documents.goal_met()
    other = replace(document.recommended, candidate=Candidate(3008, "x86_64"))
    document = replace(document, current=other, configurations=(*document.configurations, other))
    assert headline(document).startswith("Change memory size and architecture from 3,008 MB x86_64 to 1,024 MB arm64")


@given(samples=st.integers(0, 400), percentile=st.sampled_from([50.0, 90.0, 95.0, 99.0, 99.9]))
def test_a_percentile_that_the_samples_cannot_carry_is_called_modelled(samples: int, percentile: float) -> None:
    """p95 needs 45 samples, p99 230; below that the word stands before it."""
    document = documents.goal_met()
    duration_ms = {f"p{percentile:g}": Interval(200.0, 190.0, 210.0)}
    recommended = replace(document.recommended, samples=samples, duration_ms=duration_ms)
    document = replace(document, goal=LatencyGoal(percentile, 300), recommended=recommended)
    carried = 1 - (percentile / 100) ** samples >= 0.9
    assert (f"a modelled p{percentile:g} of" in headline(document)) is not carried


@pytest.mark.parametrize("name", documents.EXAMPLES)
def test_every_figure_is_the_documents_own(name: str) -> None:
    """A figure with a path carries exactly the value that stands there."""
    document = documents.EXAMPLES[name]()
    message = verdict_message(document)
    figures = [
        piece
        for sentence in (message.headline, *message.support)
        for piece in sentence
        if isinstance(piece, Figure) and piece.path
    ]
    assert figures
    for figure in figures:
        assert figure.path is not None
        assert at(encode(document), figure.path) == figure.value


def test_what_could_not_be_restored_is_named() -> None:
    """A trace that was left is never hidden in a sentence of success."""
    document = documents.goal_met()
    assert restored_sentence(document).startswith("Nothing is left behind")
    left = ["lambda-tuner-clone-1-512-arm"]
    document = changed(document, {"restored.remaining": left, "restored.checks.0.same": False})
    assert restored_sentence(document) == (
        "Please check: could not be removed: lambda-tuner-clone-1-512-arm; "
        "differs from before the run: memory size (MB)."
    )


def test_what_somebody_else_changed_is_no_fault_of_the_run() -> None:
    """Nothing is left, what differs is named in its own sentence, and so is what could not be compared."""
    document = documents.goal_met()
    assert document.restored is not None
    words = "Somebody else changed the tags (team), between 03:00 and 03:20."
    restored = replace(
        document.restored,
        complete=False,
        checks=(*document.restored.checks, Check("tags", "a", "b", same=False)),
        changes=(ForeignChange("tags", words, None, None, None),),
        not_compared=("policy",),
    )
    document = replace(document, restored=restored)
    sentence = restored_sentence(document)
    assert sentence.startswith("Nothing is left behind")
    assert "Somebody else changed the tags (team)" in sentence
    assert sentence.endswith("Not compared, as it could not be read: policy.")
    failed = replace(documents.failed_run(), restored=restored)
    told = " ".join(plain(row) for row in verdict_message(failed).support)
    assert "somebody else changed the function meanwhile" in told
    assert "could be removed" not in told
