"""The verdict in words: one honest sentence for each way in which a run can end.

A sentence is a tuple of strings and :class:`Figure` values, so that each
renderer can mark the figures its own way and a test can compare every one of
them with the field of the document that it came from.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from tuner.core.model import DEFAULT_TOLERANCE
from tuner.report import document as doc
from tuner.report import formats, tables

Tone = Literal["good", "caution", "bad", "neutral"]


@dataclass(frozen=True, slots=True)
class Figure:
    """A piece of a sentence that stands for a field of the document.

    ``path`` is the field's place, dotted (``recommended.durationMs.p95.estimate``),
    None where the figure is derived; ``value`` is what stands there.
    """

    text: str
    path: str | None = None
    value: float | int | str | None = None
    strong: bool = False


Sentence = tuple[str | Figure, ...]


@dataclass(frozen=True, slots=True)
class _Strategy:
    """What a run without a goal looked for, in words: as a label, of the pick, and of what would beat it."""

    label: str
    best: str
    better: str


_STRATEGIES = {
    "cost": _Strategy("Cheapest size", "the cheapest", "cheaper"),
    "speed": _Strategy("Fastest size", "the cheapest of the fastest", "faster"),
    "balanced": _Strategy("Balanced size", "the best balance of cost and duration", "better balanced"),
}


@dataclass(frozen=True, slots=True)
class Message:
    """What the reader is told first.

    ``headline`` is the verdict in one sentence, ``support`` what else matters
    to the decision, ``next_step`` what to do now (empty where nothing is to do).
    """

    label: str
    tone: Tone
    headline: Sentence
    support: tuple[Sentence, ...] = ()
    next_step: str = ""


def plain(sentence: Sentence) -> str:
    """The sentence as text.

    Example:
        >>> plain(("Use ", Figure("512 MB", strong=True), "."))
        'Use 512 MB.'
    """
    return "".join(piece if isinstance(piece, str) else piece.text for piece in sentence)


def verdict_message(document: doc.Document) -> Message:
    """The verdict of a run in words, whatever became of it.

    A document that names neither verdict nor error is one of a run that ended
    before it knew anything, and is said to be that.
    """
    if doc.is_failed(document):
        return _failed(document)
    verdict = document.get("verdict")
    if verdict == "DRY_RUN":
        return _dry_run(document)
    wording = {"GOAL_MET": _goal_met, "GOAL_NOT_MET": _goal_not_met, "UNCERTAIN": _uncertain, "NO_GOAL": _no_goal}
    if not document.get("recommended") or verdict not in wording:
        return Message(
            "No answer", "caution", ("The run ended before there was an answer; what it measured until then is below.",)
        )
    kept = verdict in ("GOAL_MET", "NO_GOAL") and doc.keeps_another(document)
    message = _kept(document) if kept else wording[str(verdict)](document)
    failed = failure_sentence(document)
    return replace(message, support=((failed,), *message.support)) if failed else message


def failure_sentence(document: doc.Document) -> str:
    """How often the function's own code failed, and at which of the sizes that matter; empty if it never did."""
    ran = [row for row in document.get("observations") or [] if row["outcome"] in ("ok", "function_error")]

    def counted(rows: Sequence[Mapping[str, Any]]) -> str:
        failed = sum(row["outcome"] == "function_error" for row in rows)
        return f"{failed} of {len(rows)}" if failed else ""

    if not counted(ran):
        return ""
    where = ""
    for word, size in (("today's", document.get("current")), ("the recommended", document.get("recommended"))):
        count = counted([row for row in ran if doc.same_configuration(row, size)])
        if count and not (word != "today's" and doc.same_configuration(document.get("current"), size)):
            where += f", {count} at {word} {doc.size_of(size or {})}"
    return f"The function failed in {counted(ran)} invocations{where}; the warnings say where and how."


def percentile_phrase(document: doc.Document, which: str, *, strong: bool = False, bounds: bool = True) -> Sentence:
    """``modelled p95 of 212 ms (200–225)`` of one of the named configurations.

    The word "modelled" stands wherever the samples cannot carry the percentile.
    """
    key = doc.latency_key(document)
    configuration = document.get(which)
    duration = doc.duration_of(configuration, key)
    if not configuration or not duration:
        return (f"unknown {key}",)
    modelled = "modelled " if doc.is_modelled(configuration, key) else ""
    path = f"{which}.durationMs.{key}"
    figure = Figure(formats.milliseconds(duration["estimate"]), f"{path}.estimate", duration["estimate"], strong)
    if not bounds:
        return (f"{modelled}{key} of ", figure)
    return (f"{modelled}{key} of ", figure, f" ({formats.milliseconds_range(duration)})")


def size_text(document: doc.Document, configuration: doc.Configuration) -> str:
    """``1,024 MB``, with the architecture where more than one is in the space."""
    text = formats.megabytes(configuration["memoryMb"])
    return f"{text} {configuration['architecture']}" if len(doc.architectures_of(document)) > 1 else text


def goal_text(document: doc.Document) -> str:
    """``p95 ≤ 300 ms``, or that there is none."""
    goal = doc.goal_of(document)
    return f"p{goal['percentile']:g} ≤ {formats.limit(goal['limitMs'])}" if goal else "no latency goal"


def restored_sentence(document: doc.Document) -> str:
    """What was checked after the run, in one sentence; empty where nothing was."""
    restored = document.get("restored")
    if not restored:
        return ""
    removed, remaining = restored.get("removed") or [], restored.get("remaining") or []
    changed = [str(item["what"]) for item in restored.get("checks") or [] if not item.get("same")]
    not_compared = restored.get("notCompared") or []
    unread = f" Not compared, as it could not be read: {', '.join(map(str, not_compared))}." if not_compared else ""
    nothing_left = f"Nothing is left behind: {formats.count(len(removed), 'temporary function')} removed"
    if not remaining and not changed:
        return f"{nothing_left}, the function under test is as it was.{unread}"
    changes = [str(item["sentence"]) for item in restored.get("changes") or []]
    if not remaining and changes:
        return f"{nothing_left}. {' '.join(changes)}{unread}"
    problems = []
    if remaining:
        problems.append(f"could not be removed: {', '.join(map(str, remaining))}")
    if changed:
        problems.append(f"differs from before the run: {', '.join(changed)}")
    return f"Please check: {'; '.join(problems)}."


def drift_sentence(document: doc.Document) -> str:
    """Whether durations changed while the run went on; empty where the document does not say."""
    if "drift" not in document:
        return ""
    drift = document["drift"]
    if drift is None:
        return "Drift could not be looked for: no size was measured in two rounds."
    compared = (
        f"late invocations took {drift['ratio']:.2f} times as long as early ones at the same size "
        f"({drift['low']:.2f} to {drift['high']:.2f}, {formats.count(drift['sizes'], 'size')})"
    )
    if drift["found"]:
        return f"Durations drifted while the run went on: {compared}. The intervals are widened by it."
    return f"No drift was found while the run went on: {compared}."


def traffic_sentence(document: doc.Document) -> str:
    """What production looks like beside what was measured; empty where nobody asked CloudWatch."""
    traffic = document.get("traffic")
    if not traffic:
        return ""
    percentiles = [
        f"{key} {formats.milliseconds(value)}" for key, value in traffic["durationMs"].items() if value is not None
    ]
    durations = f", with {' and '.join(percentiles)} at the memory size that it had" if percentiles else ""
    return (
        f"In production CloudWatch counted {formats.count(traffic['invocations'], 'invocation')} in "
        f"{formats.count(traffic['days'], 'day')}{durations}; initialisation is not in it."
    )


def _size(document: doc.Document, which: str) -> Figure:
    configuration = document[which]
    return Figure(size_text(document, configuration), f"{which}.memoryMb", configuration["memoryMb"], strong=True)


def _cost(document: doc.Document, which: str, *, strong: bool = False) -> Figure:
    cost = doc.estimate_of((document.get(which) or {}).get("costPerMillionUsd"))
    if cost is None:
        return Figure("an unknown amount")
    text = formats.money(cost, document.get("currency") or "USD")
    return Figure(text, f"{which}.costPerMillionUsd.estimate", cost, strong)


def _limit(document: doc.Document) -> Figure:
    goal = document["goal"]
    return Figure(formats.limit(goal["limitMs"]), "goal.limitMs", goal["limitMs"])


def _here(document: doc.Document) -> str:
    return " on this machine" if document.get("where") == "local" else ""


def _probability(told: tuple[str, float] | None, *, strong: bool = True) -> Figure:
    """A probability as a figure, by where it stands in the document."""
    if told is None:
        return Figure("unknown")
    path, ratio = told
    return Figure(formats.probability(ratio), path, ratio, strong)


def _goal_is_met(document: doc.Document, which: str) -> Sentence:
    return (" The probability that it meets the goal is ", _probability(doc.goal_probability(document, which)), ".")


def _best_without_goal(document: doc.Document) -> Sentence:
    """How sure it is that nothing better was missed, where there is no goal."""
    confidence = document.get("confidence")
    if confidence is None:
        return ()
    tolerance = (document.get("request") or {}).get("tolerance")
    margin = f"{formats.percent(tolerance)} " if tolerance else ""
    better = _STRATEGIES[doc.strategy_of(document)].better
    than = f"more than {margin}{better}" if margin else f"{better} by more than the tolerance"
    return (f" The probability that no size is {than} is ", _probability(("confidence", confidence)), ".")


def _cost_comparison(document: doc.Document) -> Sentence:
    """A million invocations now and then; one amount alone where there is nothing to compare."""
    saving = document.get("savingRatio")
    current = document.get("current")
    same = doc.same_configuration(current, document.get("recommended"))
    if saving is None or same or doc.is_infeasible(current or {}):
        return ("a million invocations cost ", _cost(document, "recommended", strong=True))
    return (
        "a million invocations cost ",
        _cost(document, "recommended", strong=True),
        " instead of ",
        _cost(document, "current"),
        ", ",
        Figure(formats.change(saving), "savingRatio", saving, strong=True),
        tables.saving_bounds(document),
    )


def _duration_comparison(document: doc.Document, ending: str = "") -> Sentence:
    """The recommended size's duration, and how it compares with today's: a saving has its price in latency.

    Args:
        document: The content of report.json.
        ending: What closes the comparison, where there is one.
    """
    told = percentile_phrase(document, "recommended", strong=True)
    compared = _against_today(document)
    return (*told, ", ", *compared, ending) if compared else told


def _against_today(document: doc.Document) -> Sentence:
    """``58% longer than today's modelled 134 ms``; empty where there is nothing to compare, or no clear difference."""
    key = doc.latency_key(document)
    current = document.get("current")
    now, then = (doc.duration_of(document.get(which), key) for which in ("current", "recommended"))
    difference = tables.duration_difference(now, then)
    same = doc.same_configuration(current, document.get("recommended"))
    if not now or same or doc.is_infeasible(current or {}) or difference in ("", tables.NO_CLEAR_DIFFERENCE):
        return ()
    than = "as" if difference.endswith(" long") else "than"
    whose = "the assumed size's" if (current or {}).get("assumed") else "today's"
    modelled = " modelled" if doc.is_modelled(current or {}, key) else ""
    today = Figure(formats.milliseconds(now["estimate"]), f"current.durationMs.{key}.estimate", now["estimate"])
    return (Figure(difference, strong=True), f" {than} {whose}{modelled} ", today)


def _in_exchange(document: doc.Document) -> tuple[Sentence, ...]:
    """What the best size would cost, and how its duration compares, where that is not part of the verdict."""
    if doc.same_configuration(document.get("current"), document.get("recommended")):
        return ()
    compared = _against_today(document)
    slower: Sentence = (f"; {doc.latency_key(document)}: ", *compared) if compared else ()
    return (("At ", _size(document, "recommended"), " ", *_cost_comparison(document), *slower, "."),)


def _change_opening(document: doc.Document, keep: str) -> Sentence:
    """``Change the memory size from 3,008 MB to 1,024 MB``, or *keep* where it stays."""
    current, recommended = document.get("current"), document["recommended"]
    if doc.same_configuration(current, recommended):
        return ("Keep ", _size(document, "recommended"), keep)
    if not current:
        return ("Use ", _size(document, "recommended"))
    if current.get("assumed"):
        return ("Use ", _size(document, "recommended"), " rather than the assumed ", _size(document, "current"))
    what = "the memory size"
    if current["architecture"] != recommended["architecture"]:
        what = "memory size and architecture"
    return (f"Change {what} from ", _size(document, "current"), " to ", _size(document, "recommended"))


def _monthly(document: doc.Document) -> tuple[Sentence, ...]:
    """The saving in a month; nothing where the traffic is unknown."""
    invocations = doc.monthly_invocations(document)
    now = doc.estimate_of((document.get("current") or {}).get("costPerMillionUsd"))
    then = doc.estimate_of((document.get("recommended") or {}).get("costPerMillionUsd"))
    if not invocations or now is None or then is None:
        return ()
    if doc.same_configuration(document.get("current"), document.get("recommended")):
        return ()
    currency = document.get("currency") or "USD"
    monthly = document.get("monthly") or {}
    now_usd = monthly.get("currentUsd") or now * invocations / 1_000_000
    then_usd = monthly.get("recommendedUsd") or then * invocations / 1_000_000
    difference = now_usd - then_usd
    counted = f"{formats.count(invocations, 'invocation')} a month"
    if monthly.get("source") == "cloudwatch":
        counted = f"the {counted} that CloudWatch counts"
    return (
        (
            f"At {counted} {'a change would cost' if doc.keeps_another(document) else 'that is'} ",
            Figure(formats.money(abs(difference), currency), strong=True),
            f" {'less' if difference >= 0 else 'more'} a month "
            f"({formats.money(then_usd, currency)} instead of {formats.money(now_usd, currency)}), before free tier"
            f"{'' if (document.get('request') or {}).get('savingsPlanDiscount') else ' and savings plans'}.",
        ),
    )


def _production(document: doc.Document) -> tuple[Sentence, ...]:
    """What CloudWatch says of production, beside what was measured at today's size; nothing where it is not known."""
    traffic = document.get("traffic")
    if not traffic:
        return ()
    durations = traffic.get("durationMs") or {}
    seen: list[str | Figure] = []
    measured: list[str | Figure] = []
    for key in ("p50", "p95"):
        duration_ms, here = durations.get(key), doc.duration_of(document.get("current"), key)
        if duration_ms is not None:
            figure = Figure(formats.milliseconds(duration_ms), f"traffic.durationMs.{key}", duration_ms)
            seen += [f", {key} ", figure]
            if here:
                path = f"current.durationMs.{key}.estimate"
                word = "modelled " if doc.is_modelled(document["current"], key) else ""
                figure = Figure(formats.milliseconds(here["estimate"]), path, here["estimate"])
                measured += ["" if not measured else ", ", f"{word}{key} ", figure]
    beside: Sentence = (" (here, at today's size: ", *measured, ")") if measured else ()
    count = Figure(
        formats.count(round(traffic["invocations"]), "invocation"), "traffic.invocations", traffic["invocations"]
    )
    return ((f"Production in the last {traffic['days']} days: ", count, *seen, *beside, "."),)


def _current_misses(document: doc.Document) -> tuple[Sentence, ...]:
    """What is wrong with today's size: it cannot be used, misses the goal, or meets it too improbably."""
    goal, current = doc.goal_of(document), document.get("current")
    if not goal or not current or doc.same_configuration(current, document.get("recommended")):
        return ()
    word = "The assumed " if current.get("assumed") else "Today's "
    if doc.is_infeasible(current):
        return ((word, _size(document, "current"), f" cannot be used: {current['infeasibleReason']}."),)
    duration = doc.duration_of(current, doc.latency_key(document))
    if duration and duration["estimate"] > goal["limitMs"]:
        missing = percentile_phrase(document, "current")
        return ((word, _size(document, "current"), " misses it with a ", *missing, "."),)
    if doc.decision_of(document).get("reason") != "misses_goal":
        return ()
    met = _probability(doc.goal_probability(document, "current"), strong=False)
    return ((word, _size(document, "current"), " meets it with a probability of only ", met, f"{_asked(document)}."),)


def _asked(document: doc.Document) -> str:
    asked = (document.get("request") or {}).get("confidence")
    return f", where {formats.percent(asked)} was asked for" if asked else ""


def _worth(document: doc.Document) -> Sentence:
    """What a change would be worth, beside the tolerance."""
    worth = doc.decision_of(document).get("worthRatio")
    tolerance = (document.get("request") or {}).get("tolerance")
    limit = f"the tolerance of {formats.percent(tolerance)}" if tolerance is not None else "the tolerance"
    if worth is None or worth < 0.005:
        return ("A change would be worth nothing.",)
    figure = Figure(formats.percent(worth), "decision.worthRatio", worth)
    if worth > (DEFAULT_TOLERANCE if tolerance is None else tolerance):
        return ("A change may be worth ", figure, " of the cost, but it is not clear that it saves anything.")
    return ("A change would be worth ", figure, f" of the cost, no more than {limit}.")


def keep_sentence(document: doc.Document) -> str | None:
    """Why today's size is kept although another one is the best; None where it is not."""
    if not doc.keeps_another(document):
        return None
    keep = ("Keep ", _size(document, "current"), "; the best size is ", _size(document, "recommended"), ". ")
    return plain((*keep, *_worth(document)))


def _kept(document: doc.Document) -> Message:
    """Today's size stays, though another one is the best by a little."""
    goal = doc.goal_of(document)
    key = doc.latency_key(document)
    now, then = (doc.duration_of(document.get(which), key) for which in ("current", "recommended"))
    difference = tables.duration_difference(now, then)
    cost: Sentence = ("a million invocations cost ", _cost(document, "current", strong=True), ".")
    phrase = percentile_phrase(document, "current", strong=True)
    headline: Sentence = ("Keep ", _size(document, "current"), f"{_here(document)}: a ", *phrase)
    best: Sentence = (
        "The best size is ", _size(document, "recommended"), ", with a ", *percentile_phrase(document, "recommended"),
        f", {difference}" if difference else "", "; ", *_cost_comparison(document), ".",
    )  # fmt: skip
    if goal:
        met = _probability(doc.goal_probability(document, "current"))
        asked = (document.get("request") or {}).get("confidence")
        short = asked is not None and (doc.goal_probability(document, "current") or ("", 1.0))[1] < asked
        meets = (" meets the goal of ", _limit(document), " with a probability of ", met)
        headline = (*headline, *meets, f"{_asked(document)}, and " if short else ", and ", *cost)
        best = (*best, *_goal_is_met(document, "recommended"))
    else:
        headline = (*headline, ", and ", *cost, " No latency goal was asked for.")
        best = (*best, *_best_without_goal(document))
    label = "Goal met" if goal else _STRATEGIES[doc.strategy_of(document)].label
    support = (best, _worth(document), *_monthly(document), *_production(document), *_rests_on(document))
    return Message(label, "good", headline, (*support, *_local(document)))


def _safer(document: doc.Document) -> tuple[Sentence, ...]:
    safer = document.get("safer")
    if not safer:
        return ()
    probability = safer.get("goalProbability")
    reaches = (
        (
            " meets the goal with a probability of ",
            Figure(formats.probability(probability), "safer.goalProbability", probability),
        )
        if probability is not None
        else (" reaches the confidence asked for",)
    )
    return (
        (
            "On the safe side: ",
            _size(document, "safer"),
            *reaches,
            ", a ",
            *percentile_phrase(document, "safer"),
            " and ",
            _cost(document, "safer"),
            " per million invocations.",
        ),
    )


def _stopped(document: doc.Document) -> tuple[Sentence, ...]:
    """Why the search did not go on until it was sure."""
    reason = document.get("stoppedBecause")
    return ((str(reason),),) if reason else ()


def _local(document: doc.Document) -> tuple[Sentence, ...]:
    if document.get("where") != "local":
        return ()
    factor = document.get("anchorFactor")
    if factor:
        return (
            (
                "Measured on this machine, not in AWS; every duration was multiplied by ",
                Figure(formats.significant(factor), "anchorFactor", factor),
                ", so that it agrees with the one that you know from AWS.",
            ),
        )
    return (
        (
            "Measured on this machine, not in AWS. How sizes compare carries over; the milliseconds, the cost and "
            "whether the goal is met are this machine's.",
        ),
    )


def _rests_on(document: doc.Document) -> tuple[Sentence, ...]:
    """That earlier runs are part of the answer; nothing where they are not."""
    start = document.get("warmStart") or {}
    if not start.get("used") or not start.get("samples"):
        return ()
    count = Figure(formats.count(start["samples"], "warm invocation"), "warmStart.samples", start["samples"])
    return (("The answer also rests on ", count, f" of earlier runs, the last of them {start.get('fromRunId')}."),)


def _goal_met(document: doc.Document) -> Message:
    only = len(doc.configurations_of(document)) == 1
    keep = ", the only size that was allowed" if only else ", the cheapest size that meets the goal"
    headline: Sentence = (
        *_change_opening(document, keep),
        ": a ",
        *_duration_comparison(document, ","),
        " meets the goal of ",
        _limit(document),
        f"{_here(document)}, and ",
        *_cost_comparison(document),
        ".",
        *_goal_is_met(document, "recommended"),
    )
    support = (
        *_current_misses(document),
        *_monthly(document),
        *_production(document),
        *_rests_on(document),
        *_local(document),
    )
    return Message("Goal met", "good", headline, support)


def _goal_not_met(document: doc.Document) -> Message:
    goal = document["goal"]
    rows = doc.configurations_of(document)
    sizes = [int(row["memoryMb"]) for row in rows]
    key = doc.latency_key(document)
    duration = doc.duration_of(document["recommended"], key)
    excess: Sentence = ()
    if duration and duration["estimate"] > goal["limitMs"]:
        ratio = duration["estimate"] / goal["limitMs"]
        over = f"{formats.milliseconds(duration['estimate'] - goal['limitMs'])} ({(ratio - 1) * 100:.0f}%) over"
        excess = (f", {over if ratio < 2 else f'{formats.significant(ratio, 2)} times'} the goal",)
    opening = f"No memory size from {min(sizes):,} to {max(sizes):,} MB meets "
    fastest = duration and all(
        other["estimate"] >= duration["estimate"]
        for row in rows
        if not doc.is_infeasible(row) and (other := doc.duration_of(row, key))
    )
    best: Sentence = (
        f"the {'fastest is' if fastest else 'cheapest of the fastest is'} ",
        _size(document, "recommended"),
        " with a ",
    )
    if len(sizes) == 1:
        opening = f"The only size that was allowed, {formats.megabytes(sizes[0])}, does not meet "
        best = ("it has a ",)
    headline: Sentence = (
        opening,
        f"p{goal['percentile']:g} ≤ ",
        _limit(document),
        f"{_here(document)}: ",
        *best,
        *percentile_phrase(document, "recommended", strong=True),
        *excess,
        ". The probability that no size meets the goal is ",
        _probability(doc.no_size_probability(document)),
        ".",
    )
    support = (
        *_current_misses(document),
        *_in_exchange(document),
        *_monthly(document),
        *_production(document),
        *_rests_on(document),
        *_local(document),
    )
    return Message(
        "Goal not met",
        "bad",
        headline,
        support,
        "Memory alone does not reach this goal, so it is not a reason to change the size: make the function do less "
        "work or wait less, or set a goal that it can reach.",
    )


def _uncertain(document: doc.Document) -> Message:
    goal = document["goal"]
    met, none_meets = doc.goal_probability(document, "recommended"), doc.no_size_probability(document)
    opening: Sentence = (
        f"{formats.count(document.get('invocations') or 0, 'invocation')} could not tell for sure: ",
        _size(document, "recommended"),
        " is the best guess, with a ",
    )
    if met is not None and none_meets is not None and none_meets[1] > met[1]:
        opening = (
            f"{'Probably' if none_meets[1] > 0.5 else 'Perhaps'} no size meets p{goal['percentile']:g} ≤ ",
            _limit(document),
            " (probability ",
            _probability(none_meets),
            f"), but {formats.count(document.get('invocations') or 0, 'invocation')} could not tell for sure: ",
            _size(document, "recommended"),
            " is the best guess, with a ",
        )
    headline: Sentence = (
        *opening,
        *percentile_phrase(document, "recommended", strong=True),
        " against the goal of ",
        _limit(document),
        f"{_here(document)}. The probability that it meets the goal is ",
        _probability(met),
        f"{_asked(document)}.",
    )
    return Message(
        "Uncertain",
        "caution",
        headline,
        (
            *_only_assumed(document, met),
            *_safer(document),
            *_stopped(document),
            *_more_invocations(document),
            *_current_misses(document),
            *_in_exchange(document),
            *_monthly(document),
            *_production(document),
            *_rests_on(document),
            *_local(document),
        ),
        _to_know_more(document),
    )


def _only_assumed(document: doc.Document, met: tuple[str, float] | None) -> tuple[Sentence, ...]:
    """Why a probability that is high enough does not decide; nothing where it is not."""
    asked = (document.get("request") or {}).get("confidence")
    if met is None or asked is None or met[1] < asked:
        return ()
    return (
        (
            f"That would be enough, but it rests on an assumed tail: too few invocations were made to see "
            f"{doc.latency_key(document)} in them.",
        ),
    )


def _to_know_more(document: doc.Document) -> str:
    """What to do about an uncertain answer, by why the run ended and by what may be done meanwhile."""
    ended_early = str(document.get("stoppedBecause") or "").startswith("You asked")
    more = "let it run to its end" if ended_early else "give it a larger budget (--max-invocations)"
    known = f"To know more, run it again and {more}; it starts from what was measured."
    if document.get("safer"):
        return f"{known} To decide now, take the size on the safe side."
    misses = doc.decision_of(document).get("reason") in ("misses_goal", "cannot_be_used")
    return known if misses else f"{known} Until then this is not a reason to change the size."


def _more_invocations(document: doc.Document) -> tuple[Sentence, ...]:
    """What more invocations would buy; nothing where the run did not work it out."""
    rows = document.get("moreInvocations") or []
    if not rows:
        return ()
    listed = ", ".join(
        f"{formats.probability(row['verdictProbability'])} after {row['invocations']:,} more" for row in rows
    )
    return ((f"The probability that further invocations decide it: {listed}.",),)


def _no_goal(document: doc.Document) -> Message:
    only = len(doc.configurations_of(document)) == 1
    strategy = _STRATEGIES[doc.strategy_of(document)]
    best = "the only size that was allowed" if only else strategy.best
    keep = f", {best}"
    changed = not doc.same_configuration(document.get("current"), document["recommended"])
    headline: Sentence = (
        *_change_opening(document, keep),
        f", {best}{_here(document)}: " if changed else f"{_here(document)}: ",
        *_cost_comparison(document),
        ", and it has a ",
        *_duration_comparison(document),
        "; no latency goal was asked for.",
        *_best_without_goal(document),
    )
    return Message(
        strategy.label,
        "good",
        headline,
        (*_monthly(document), *_production(document), *_rests_on(document), *_local(document)),
    )


def _dry_run(document: doc.Document) -> Message:
    estimate: Mapping[str, Any] = document.get("estimate") or {}
    invocations, minutes = estimate.get("invocations") or 0, estimate.get("minutes") or 0
    cost = estimate.get("costUsd") or 0.0
    made = document.get("invocations") or 0
    opening = f"Only {formats.count(made, 'invocation')} so far" if made else "Nothing was measured"
    headline: Sentence = (
        f"{opening}, nothing was changed: this run would take at most ",
        Figure(formats.count(invocations, "invocation"), "estimate.invocations", invocations, strong=True),
        ", ",
        Figure(formats.money(cost, document.get("currency") or "USD"), "estimate.costUsd", cost, strong=True),
        " and ",
        Figure(formats.count(math.ceil(minutes), "minute"), "estimate.minutes", minutes, strong=True),
        f" to find the cheapest size with {goal_text(document)}{_here(document)}.",
    )
    return Message("Dry run", "neutral", headline, (), "Start it again without the dry run to get an answer.")


def _failed(document: doc.Document) -> Message:
    error: Mapping[str, Any] = document["error"]
    message = str(error.get("message") or "No reason is known.").strip()
    headline: Sentence = (
        "The run failed: ",
        Figure(message, "error.message", error.get("message"), strong=False),
    )
    invocations = document.get("invocations")
    support: list[Sentence] = []
    if invocations is not None:
        spent = document.get("spentUsd")
        cost = ""
        if spent is not None:
            cost = f", which cost {doc.at_most(document)}{formats.money(spent, document.get('currency') or 'USD')}"
        support.append((f"It had made {formats.count(invocations, 'invocation')}{cost}.",))
    restored = document.get("restored")
    if restored and restored.get("complete"):
        support.append(("The function is as it was, and nothing of the run is left.",))
    elif restored and not restored.get("remaining"):
        support.append(("Nothing of the run is left; somebody else changed the function meanwhile.",))
    elif restored:
        support.append(("Not everything of the run could be removed; see below what remains.",))
    return Message(
        f"Failed: {error.get('name') or 'unknown error'}", "bad", headline, tuple(support), str(error.get("hint") or "")
    )
