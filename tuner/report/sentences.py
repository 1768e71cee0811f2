"""The verdict in words: one honest sentence for each way in which a run can end.

A sentence is a tuple of strings and :class:`Figure` values, so that each renderer can mark the figures its own way and
a test can compare every one of them with the field of the document that it came from.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from string import Formatter
from typing import assert_never

from tuner.core.answer.report import Answer, DryRun, Failure, InvocationRow, KnownRun, RunReport
from tuner.core.answer.verdicts import Tone, facts_of
from tuner.core.model import LatencyGoal
from tuner.report import document as doc
from tuner.report import formats, tables
from tuner.report.change import what_changes


@dataclass(frozen=True, slots=True)
class Figure:
    """A piece of a sentence that stands for a field of the document.

    ``path`` is the field's place, dotted (``recommended.durationMs.p95.estimate``),
    None if the figure is derived; ``value`` is what stands there.
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
    """What the reader sees first.

    ``headline`` is the verdict in one sentence, ``support`` what else matters
    to the decision, ``next_step`` what to do now (empty if nothing is to do).
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


def _worded(template: str, **pieces: str | Figure | Sentence) -> Sentence:
    """A sentence in which each ``{name}`` of the template is one of the pieces."""
    words: list[str | Figure] = []
    for text, name, _, _ in Formatter().parse(template):
        piece = pieces[name] if name else ""
        words += [text, *(piece if isinstance(piece, tuple) else (piece,))]
    return tuple(word for word in words if word)


def verdict_message(report: RunReport) -> Message:
    """The verdict of a run in words, whatever became of it."""
    match report:
        case Failure():
            return _failed(report)
        case DryRun():
            return _dry_run(report)
        case Answer():
            message = _answered(report)
            failed = failure_sentence(report)
            return replace(message, support=((failed,), *message.support)) if failed else message
        case _:
            assert_never(report)


def _answered(report: Answer) -> Message:
    if facts_of(report.verdict).change == "if it is worth it" and doc.keeps_another(report):
        return _kept(report)
    match report.verdict:
        case "GOAL_MET":
            return _goal_met(report, _goal(report))
        case "GOAL_NOT_MET":
            return _goal_not_met(report, _goal(report))
        case "UNCERTAIN":
            return _uncertain(report, _goal(report))
        case "NO_GOAL":
            return _no_goal(report)
        case _:
            assert_never(report.verdict)


def _goal(report: Answer) -> LatencyGoal:
    """The goal that a verdict speaks of.

    Raises:
        ValueError: The report has none.
    """
    if report.goal is None:
        raise ValueError(f"the verdict is {report.verdict}, and there is no goal")
    return report.goal


def failure_sentence(report: Answer) -> str:
    """How often the function's own code failed, and at which of the sizes that matter; empty if it never did."""
    ran = [row for row in report.observations if row.invocation.outcome in ("ok", "function_error")]

    def counted(rows: Sequence[InvocationRow]) -> str:
        failed = sum(row.invocation.outcome == "function_error" for row in rows)
        return f"{failed} of {len(rows)}" if failed else ""

    if not counted(ran):
        return ""
    where = ""
    for word, size in (("today's", report.current), ("the recommended", report.recommended)):
        if size is None or (word != "today's" and doc.same(report.current, size)):
            continue
        count = counted([row for row in ran if row.candidate == size.candidate])
        where += f", {count} at {word} {size.candidate}" if count else ""
    return f"The function failed in {counted(ran)} invocations{where}; the warnings say where and how."


def percentile_phrase(report: Answer, which: doc.Role, *, strong: bool = False) -> Sentence:
    """``modelled p95 of 212 ms (200–225)`` of one of the named configurations.

    The word "modelled" stands wherever the samples cannot carry the percentile.
    """
    key = doc.latency_key(report)
    row = doc.named(report, which)
    duration = None if row is None else row.duration_ms.get(key)
    if row is None or duration is None:
        return (f"unknown {key}",)
    modelled = "modelled " if doc.is_modelled(row, key) else ""
    figure = _milliseconds(duration.estimate, f"{which}.durationMs.{key}.estimate", strong=strong)
    return (f"{modelled}{key} of ", figure, f" ({formats.milliseconds_range(duration)})")


def goal_text(report: KnownRun) -> str:
    """``p95 ≤ 300 ms``, or that there is none."""
    goal = report.goal
    return f"p{goal.percentile:g} ≤ {formats.limit(goal.limit_ms)}" if goal else "no latency goal"


def restored_sentence(report: KnownRun) -> str:
    """What was checked after the run, in one sentence; empty if nothing was."""
    restored = report.restored
    if restored is None:
        return ""
    changed = [check.what for check in restored.checks if not check.same]
    not_compared = ", ".join(restored.not_compared)
    unread = f" Not compared, as it could not be read: {not_compared}." if not_compared else ""
    nothing_left = f"Nothing is left behind: {formats.count(len(restored.removed), 'temporary function')} removed"
    if not restored.remaining and not changed:
        return f"{nothing_left}, the function under test is as it was.{unread}"
    if not restored.remaining and restored.changes:
        return f"{nothing_left}. {' '.join(change.sentence for change in restored.changes)}{unread}"
    problems = []
    if restored.remaining:
        problems.append(f"could not be removed: {', '.join(restored.remaining)}")
    if changed:
        problems.append(f"differs from before the run: {', '.join(changed)}")
    return f"Please check: {'; '.join(problems)}."


def drift_sentence(report: KnownRun) -> str:
    """Whether durations changed while the run went on; empty if the report does not say."""
    drift = report.drift if isinstance(report, Answer) else "unknown"
    if drift == "unknown":
        return ""
    if drift is None:
        return "Drift could not be checked: no size was measured in two rounds."
    compared = (
        f"late invocations took {drift.ratio:.2f} times as long as early ones at the same size "
        f"({drift.low:.2f} to {drift.high:.2f}, {formats.count(drift.sizes, 'size')})"
    )
    if drift.found:
        return f"Durations drifted while the run went on: {compared}. The intervals are widened by it."
    return f"No drift was found while the run went on: {compared}."


def traffic_sentence(report: KnownRun) -> str:
    """What production looks like beside what was measured; empty if nobody asked CloudWatch."""
    traffic = report.traffic
    if traffic is None:
        return ""
    seen = (("p50", traffic.duration_ms.p50), ("p95", traffic.duration_ms.p95))
    percentiles = [f"{key} {formats.milliseconds(value)}" for key, value in seen if value is not None]
    durations = f", with {' and '.join(percentiles)} at the memory size that it had" if percentiles else ""
    return (
        f"In production CloudWatch counted {formats.count(traffic.invocations, 'invocation')} in "
        f"{formats.count(traffic.days, 'day')}{durations}; initialisation is not included."
    )


def _milliseconds(duration_ms: float, path: str, *, strong: bool = False) -> Figure:
    return Figure(formats.milliseconds(duration_ms), path, duration_ms, strong)


def _size(report: Answer, which: doc.Role) -> Figure:
    row = doc.named(report, which)
    if row is None:
        return Figure("an unknown size")
    return Figure(doc.size_text(report, row.candidate), f"{which}.memoryMb", row.candidate.memory_mb, strong=True)


def _cost(report: Answer, which: doc.Role, *, strong: bool = False) -> Figure:
    row = doc.named(report, which)
    cost = None if row is None else row.cost_per_million_usd
    if cost is None:
        return Figure("an unknown amount")
    text = formats.money(cost.estimate, doc.currency_of(report))
    return Figure(text, f"{which}.costPerMillionUsd.estimate", cost.estimate, strong)


def _limit(goal: LatencyGoal) -> Figure:
    return Figure(formats.limit(goal.limit_ms), "goal.limitMs", goal.limit_ms)


def _here(report: KnownRun) -> str:
    return " on this machine" if report.where == "local" else ""


def _probability(known: tuple[str, float] | None, *, strong: bool = True) -> Figure:
    """A probability as a figure, by where it stands in the report."""
    if known is None:
        return Figure("unknown")
    path, ratio = known
    return Figure(formats.probability(ratio), path, ratio, strong)


def _goal_is_met(report: Answer, which: doc.Role) -> Sentence:
    return (" The probability that it meets the goal is ", _probability(doc.goal_probability(report, which)), ".")


def _best_without_goal(report: Answer) -> Sentence:
    """How sure it is that nothing better was missed, if there is no goal."""
    tolerance = report.request.get("tolerance")
    better = _STRATEGIES[doc.strategy_of(report)].better
    than = f"more than {formats.percent(tolerance)} {better}" if tolerance else f"{better} by more than the tolerance"
    return (f" The probability that no size is {than} is ", _probability(("confidence", report.confidence)), ".")


def _cost_comparison(report: Answer) -> Sentence:
    """A million invocations now and then; one amount alone if there is nothing to compare."""
    saving = report.saving_ratio
    if saving is None or not _can_compare(report):
        return ("a million invocations cost ", _cost(report, "recommended", strong=True))
    return _worded(
        "a million invocations cost {then} instead of {now}, {saving}{bounds}",
        then=_cost(report, "recommended", strong=True),
        now=_cost(report, "current"),
        saving=Figure(formats.change(saving), "savingRatio", saving, strong=True),
        bounds=tables.saving_bounds(report),
    )


def _duration_comparison(report: Answer, ending: str = "") -> Sentence:
    """The recommended size's duration, and how it compares with today's: a saving has its price in latency."""
    phrase = percentile_phrase(report, "recommended", strong=True)
    compared = _against_today(report)
    return (*phrase, ", ", *compared, ending) if compared else phrase


def _can_compare(report: Answer) -> bool:
    """Whether today's configuration can be used, and is not the recommended one."""
    current = report.current
    usable = current is None or current.infeasible_reason is None
    return usable and not doc.same(current, report.recommended)


def _against_today(report: Answer) -> Sentence:
    """``58% longer than today's modelled 134 ms``; empty if there is nothing to compare, or no clear difference."""
    key, current = doc.latency_key(report), report.current
    now, then = doc.durations_of(report, key)
    difference = tables.duration_difference(now, then)
    unclear = difference in ("", tables.NO_CLEAR_DIFFERENCE)
    if current is None or now is None or unclear or not _can_compare(report):
        return ()
    than = "as" if difference.endswith(" long") else "than"
    whose = "the assumed size's" if current.assumed else "today's"
    modelled = " modelled" if doc.is_modelled(current, key) else ""
    today = _milliseconds(now.estimate, f"current.durationMs.{key}.estimate")
    return (Figure(difference, strong=True), f" {than} {whose}{modelled} ", today)


def _in_exchange(report: Answer) -> tuple[Sentence, ...]:
    """What the best size would cost, and how its duration compares, if that is not part of the verdict."""
    if doc.same(report.current, report.recommended):
        return ()
    compared = _against_today(report)
    slower: Sentence = (f"; {doc.latency_key(report)}: ", *compared) if compared else ()
    return (("At ", _size(report, "recommended"), " ", *_cost_comparison(report), *slower, "."),)


def _change_opening(report: Answer, keep: str) -> Sentence:
    """``Change the memory size from 3,008 MB to 1,024 MB``, or *keep* if it stays."""
    current = report.current
    if doc.same(current, report.recommended):
        return ("Keep ", _size(report, "recommended"), keep)
    if not current:
        return ("Use ", _size(report, "recommended"))
    if current.assumed:
        return ("Use ", _size(report, "recommended"), " rather than the assumed ", _size(report, "current"))
    return (f"Change {what_changes(report)} from ", _size(report, "current"), " to ", _size(report, "recommended"))


def _monthly(report: Answer) -> tuple[Sentence, ...]:
    """The saving in a month; nothing if the traffic is unknown."""
    invocations = doc.monthly_invocations(report)
    now = None if report.current is None else report.current.cost_per_million_usd
    then = report.recommended.cost_per_million_usd
    if not invocations or now is None or then is None or doc.same(report.current, report.recommended):
        return ()
    currency, monthly = doc.currency_of(report), report.monthly
    now_usd = (monthly and monthly.current_usd) or now.estimate * invocations / 1_000_000
    then_usd = (monthly and monthly.recommended_usd) or then.estimate * invocations / 1_000_000
    difference = now_usd - then_usd
    counted = f"{formats.count(invocations, 'invocation')} a month"
    if monthly is not None and monthly.source == "cloudwatch":
        counted = f"the {counted} that CloudWatch counts"
    return (
        (
            f"At {counted} {'a change would cost' if doc.keeps_another(report) else 'that is'} ",
            Figure(formats.money(abs(difference), currency), strong=True),
            f" {'less' if difference >= 0 else 'more'} a month "
            f"({formats.money(then_usd, currency)} instead of {formats.money(now_usd, currency)}), before free tier"
            f"{'' if report.request.get('savingsPlanDiscount') else ' and savings plans'}.",
        ),
    )


def _production(report: Answer) -> tuple[Sentence, ...]:
    """What CloudWatch says of production, beside what was measured at today's size; nothing if it is not known."""
    traffic, current = report.traffic, report.current
    if traffic is None:
        return ()
    seen: list[str | Figure] = []
    measured: list[str | Figure] = []
    for key, duration_ms in (("p50", traffic.duration_ms.p50), ("p95", traffic.duration_ms.p95)):
        if duration_ms is None:
            continue
        seen += [f", {key} ", _milliseconds(duration_ms, f"traffic.durationMs.{key}")]
        if current is not None and (here := current.duration_ms.get(key)):
            word = "modelled " if doc.is_modelled(current, key) else ""
            figure = _milliseconds(here.estimate, f"current.durationMs.{key}.estimate")
            measured += ["" if not measured else ", ", f"{word}{key} ", figure]
    beside: Sentence = (" (here, at today's size: ", *measured, ")") if measured else ()
    count = Figure(formats.count(round(traffic.invocations), "invocation"), "traffic.invocations", traffic.invocations)
    return ((f"Production in the last {traffic.days} days: ", count, *seen, *beside, "."),)


def _current_misses(report: Answer) -> tuple[Sentence, ...]:
    """What is wrong with today's size: it cannot be used, misses the goal, or meets it too improbably."""
    goal, current = report.goal, report.current
    if not goal or not current or doc.same(current, report.recommended):
        return ()
    word = "The assumed " if current.assumed else "Today's "
    if current.infeasible_reason is not None:
        return ((word, _size(report, "current"), f" cannot be used: {current.infeasible_reason}."),)
    duration = current.duration_ms.get(doc.latency_key(report))
    if duration and duration.estimate > goal.limit_ms:
        missing = percentile_phrase(report, "current")
        return ((word, _size(report, "current"), " misses it with a ", *missing, "."),)
    if doc.decision_reason_of(report) != "misses_goal":
        return ()
    met = _probability(doc.goal_probability(report, "current"), strong=False)
    return ((word, _size(report, "current"), " meets it with a probability of only ", met, f"{_asked(report)}."),)


def _asked(report: Answer) -> str:
    asked = report.request.get("confidence")
    return f" ({formats.percent(asked)} was asked for)" if asked else ""


def _worth(report: Answer) -> Sentence:
    """What a change would be worth, beside the tolerance."""
    decision = doc.decision_of(report)
    worth = None if decision is None else decision.worth_ratio
    tolerance = report.request.get("tolerance")
    limit = f"the tolerance of {formats.percent(tolerance)}" if tolerance is not None else "the tolerance"
    if worth is None or worth < 0.005:
        return ("A change would be worth nothing.",)
    figure = Figure(formats.percent(worth), "decision.worthRatio", worth)
    if worth > doc.tolerance_of(report):
        return ("A change may be worth ", figure, " of the cost, but it is not clear that it saves anything.")
    return ("A change would be worth ", figure, f" of the cost, no more than {limit}.")


def keep_sentence(report: Answer) -> str | None:
    """Why today's size is kept although another one is the best; None if it is not."""
    if not doc.keeps_another(report):
        return None
    keep = ("Keep ", _size(report, "current"), "; the best size is ", _size(report, "recommended"), ". ")
    return plain((*keep, *_worth(report)))


def _kept(report: Answer) -> Message:
    """Today's size stays, though another one is the best by a little."""
    goal = report.goal
    difference = tables.duration_difference(*doc.durations_of(report, doc.latency_key(report)))
    cost: Sentence = ("a million invocations cost ", _cost(report, "current", strong=True), ".")
    phrase = percentile_phrase(report, "current", strong=True)
    headline: Sentence = ("Keep ", _size(report, "current"), f"{_here(report)}: a ", *phrase)
    best: Sentence = (
        "The best size is ", _size(report, "recommended"), ", with a ", *percentile_phrase(report, "recommended"),
        f", {difference}" if difference else "", "; ", *_cost_comparison(report), ".",
    )  # fmt: skip
    if goal:
        met = _probability(doc.goal_probability(report, "current"))
        asked = report.request.get("confidence")
        short = asked is not None and (doc.goal_probability(report, "current") or ("", 1.0))[1] < asked
        meets = (" meets the goal of ", _limit(goal), " with a probability of ", met)
        headline = (*headline, *meets, f"{_asked(report)}, and " if short else ", and ", *cost)
        best = (*best, *_goal_is_met(report, "recommended"))
    else:
        headline = (*headline, ", and ", *cost, " No latency goal was asked for.")
        best = (*best, *_best_without_goal(report))
    label = "" if goal else _STRATEGIES[doc.strategy_of(report)].label
    return _message(report, headline, (best, _worth(report)), label=label)


def _safer(report: Answer) -> tuple[Sentence, ...]:
    if report.safer is None:
        return ()
    probability = report.safer.goal_probability
    reaches: Sentence = ("reaches the confidence asked for",)
    if probability is not None:
        met = Figure(formats.probability(probability), "safer.goalProbability", probability)
        reaches = ("meets the goal with a probability of ", met)
    sentence = _worded(
        "On the safe side: {size} {reaches}, a {duration} and {cost} per million invocations.",
        size=_size(report, "safer"),
        reaches=reaches,
        duration=percentile_phrase(report, "safer"),
        cost=_cost(report, "safer"),
    )
    return (sentence,)


def _local(report: Answer) -> tuple[Sentence, ...]:
    if report.where != "local":
        return ()
    if factor := report.anchor_factor:
        sentence = _worded(
            "Measured on this machine, not in AWS; every duration was multiplied by {factor}, so that it agrees with "
            "the one that you know from AWS.",
            factor=Figure(formats.significant(factor), "anchorFactor", factor),
        )
    else:
        sentence = (
            "Measured on this machine, not in AWS. How sizes compare carries over; the milliseconds, the cost and "
            "whether the goal is met are this machine's.",
        )
    return (sentence,)


def _rests_on(report: Answer) -> tuple[Sentence, ...]:
    """That earlier runs are part of the answer; nothing if they are not."""
    start = report.warm_start
    if start is None or not start.used or not start.samples:
        return ()
    count = Figure(formats.count(start.samples, "warm invocation"), "warmStart.samples", start.samples)
    return (("The answer also rests on ", count, f" of earlier runs, the last of them {start.from_run_id}."),)


def _goal_met(report: Answer, goal: LatencyGoal) -> Message:
    only = len(doc.configurations_of(report)) == 1
    keep = ", the only size that was allowed" if only else ", the cheapest size that meets the goal"
    headline = _worded(
        "{change}: a {duration} meets the goal of {limit}{here}, and {cost}.{met}",
        change=_change_opening(report, keep),
        duration=_duration_comparison(report, ","),
        limit=_limit(goal),
        here=_here(report),
        cost=_cost_comparison(report),
        met=_goal_is_met(report, "recommended"),
    )
    return _message(report, headline, _current_misses(report))


def _goal_not_met(report: Answer, goal: LatencyGoal) -> Message:
    rows = doc.configurations_of(report)
    sizes = [row.candidate.memory_mb for row in rows]
    key = doc.latency_key(report)
    duration = report.recommended.duration_ms.get(key)
    excess: Sentence = ()
    if duration and duration.estimate > goal.limit_ms:
        ratio = duration.estimate / goal.limit_ms
        over = f"{formats.milliseconds(duration.estimate - goal.limit_ms)} ({(ratio - 1) * 100:.0f}%) over"
        excess = (f", {over if ratio < 2 else f'{formats.significant(ratio, 2)} times'} the goal",)
    opening = f"No memory size from {min(sizes):,} to {max(sizes):,} MB meets "
    fastest = duration and all(
        other.estimate >= duration.estimate
        for row in rows
        if row.infeasible_reason is None and (other := row.duration_ms.get(key))
    )
    pick = "fastest" if fastest else "cheapest of the fastest"
    best: Sentence = (f"the {pick} is ", _size(report, "recommended"), " with a ")
    if len(sizes) == 1:
        opening = f"The only size that was allowed, {formats.megabytes(sizes[0])}, does not meet "
        best = ("it has a ",)
    headline = _worded(
        "{opening}p{percentile} ≤ {limit}{here}: {best}{duration}{excess}. "
        "The probability that no size meets the goal is {none_meets}.",
        opening=opening,
        percentile=f"{goal.percentile:g}",
        limit=_limit(goal),
        here=_here(report),
        best=best,
        duration=percentile_phrase(report, "recommended", strong=True),
        excess=excess,
        none_meets=_probability(doc.no_size_probability(report)),
    )
    support = (*_current_misses(report), *_in_exchange(report))
    return _message(
        report,
        headline,
        support,
        "Memory alone does not reach this goal, so it is not a reason to change the size: make the function do less "
        "work or wait less, or set a goal that it can reach.",
    )


def _uncertain(report: Answer, goal: LatencyGoal) -> Message:
    met, none_meets = doc.goal_probability(report, "recommended"), doc.no_size_probability(report)
    opening: Sentence = ()
    if met is not None and none_meets is not None and none_meets[1] > met[1]:
        word = "Probably" if none_meets[1] > 0.5 else "Perhaps"
        less = f"{word} no size meets p{goal.percentile:g} ≤ "
        opening = (less, _limit(goal), " (probability ", _probability(none_meets), "), but ")
    headline = _worded(
        "{opening}{count} could not tell for sure: {size} is the best guess, with a {duration} against the goal of "
        "{limit}{here}. The probability that it meets the goal is {met}{asked}.",
        opening=opening,
        count=formats.count(report.invocations, "invocation"),
        size=_size(report, "recommended"),
        duration=percentile_phrase(report, "recommended", strong=True),
        limit=_limit(goal),
        here=_here(report),
        met=_probability(met),
        asked=_asked(report),
    )
    stopped: tuple[Sentence, ...] = ((report.stopped_because,),) if report.stopped_because else ()
    support = (*_only_assumed(report, met), *_safer(report), *stopped, *_more_invocations(report))
    support += (*_current_misses(report), *_in_exchange(report))
    return _message(report, headline, support, _to_know_more(report))


def _only_assumed(report: Answer, met: tuple[str, float] | None) -> tuple[Sentence, ...]:
    """Why a probability that is high enough does not decide; nothing if it is not."""
    asked = report.request.get("confidence")
    if met is None or asked is None or met[1] < asked:
        return ()
    few = f"too few invocations were made to see {doc.latency_key(report)}"
    return ((f"That would be enough, but it rests on an assumed tail: {few}.",),)


def _to_know_more(report: Answer) -> str:
    """What to do about an uncertain answer, by why the run ended and by what may be done meanwhile."""
    ended_early = report.stopped_because.startswith("You asked")
    more = "let it run to its end" if ended_early else "give it a larger budget (--max-invocations)"
    known = f"To know more, run it again and {more}; it starts from what was measured."
    if report.safer is not None:
        return f"{known} To decide now, take the size on the safe side."
    misses = doc.decision_reason_of(report) in ("misses_goal", "cannot_be_used")
    return known if misses else f"{known} Until then this is not a reason to change the size."


def _more_invocations(report: Answer) -> tuple[Sentence, ...]:
    """What more invocations would buy; nothing if the run did not work it out."""
    rows = () if report.explanation is None else report.explanation.more_invocations
    if not rows:
        return ()
    listed = ", ".join(f"{formats.probability(row.verdict_probability)} after {row.invocations:,} more" for row in rows)
    return ((f"The probability that further invocations decide it: {listed}.",),)


def _extra(ratio: float) -> str:
    """A difference in cost that may be below 1 %, in words."""
    if abs(ratio) < 0.0005:
        return "as much"
    return f"{formats.percent(abs(ratio))} {'more' if ratio > 0 else 'less'}"


def _steps(report: Answer) -> tuple[Sentence, ...]:
    """Why a little less memory would take longer, where the function is so short that its duration falls in steps."""
    steps = None if report.explanation is None else report.explanation.cpu_steps
    if steps is None:
        return ()
    of_cpu = Figure(formats.about_milliseconds(steps.cpu_ms), "cpuSteps.cpuMs", steps.cpu_ms)
    period = Figure(f"{steps.period_ms:g} ms", "cpuSteps.periodMs", steps.period_ms)
    known: Sentence = ("The function uses about ", of_cpu, " of CPU time. Lambda hands it out in periods of ", period)
    step, rounded = steps.step, steps.rounded_up
    upward: Sentence = ()
    if rounded is not None:
        upward = (
            " Rounded up to a multiple of 64 MB, ",
            Figure(formats.megabytes(rounded.memory_mb), "cpuSteps.roundedUp.memoryMb", rounded.memory_mb),
            " costs ",
            Figure(_extra(rounded.extra_cost_ratio), "cpuSteps.roundedUp.extraCostRatio", rounded.extra_cost_ratio),
            ".",
        )
    if step is None:
        return ((*known, ", so the duration falls in steps.", *upward),)
    fewer = round(step.longer_ms / steps.period_ms)
    need = ("it waits less often for the next one", "it needs one period less", f"it needs {fewer} fewer periods")
    cost: Sentence = ()
    if step.extra_cost_ratio >= 0.005:
        more = Figure(f"{step.extra_cost_ratio:.0%}", "cpuSteps.step.extraCostRatio", step.extra_cost_ratio)
        cost = (" and costs ", more, " more")
    return (
        (
            *known,
            ". From ",
            Figure(formats.megabytes(step.from_memory_mb), "cpuSteps.step.fromMemoryMb", step.from_memory_mb),
            f" on {need[min(fewer, 2)]}: ",
            Figure(formats.megabytes(step.below_memory_mb), "cpuSteps.step.belowMemoryMb", step.below_memory_mb),
            " takes about ",
            Figure(formats.about_milliseconds(step.longer_ms), "cpuSteps.step.longerMs", step.longer_ms),
            " longer",
            *cost,
            ".",
            *upward,
        ),
    )


def _no_goal(report: Answer) -> Message:
    only = len(doc.configurations_of(report)) == 1
    strategy = _STRATEGIES[doc.strategy_of(report)]
    best = "the only size that was allowed" if only else strategy.best
    headline = _worded(
        "{change}{here}: {cost}, and it has a {duration}; no latency goal was asked for.{sure}",
        change=(*_change_opening(report, ""), f", {best}"),
        here=_here(report),
        cost=_cost_comparison(report),
        duration=_duration_comparison(report),
        sure=_best_without_goal(report),
    )
    return _message(report, headline, label=strategy.label)


def _message(
    report: Answer, headline: Sentence, support: tuple[Sentence, ...] = (), next_step: str = "", *, label: str = ""
) -> Message:
    """The message of an answer: after what its verdict says, what each of them has."""
    facts = facts_of(report.verdict)
    support += (*_steps(report), *_monthly(report), *_production(report), *_rests_on(report), *_local(report))
    return Message(label or facts.label, facts.tone, headline, support, next_step)


def _dry_run(report: DryRun) -> Message:
    worst, made = report.estimate, report.invocations
    opening = f"Only {formats.count(made, 'invocation')} so far" if made else "Nothing was measured"
    cost = formats.money(worst.cost_usd, doc.currency_of(report))
    minutes = formats.count(math.ceil(worst.minutes), "minute")
    headline: Sentence = (
        f"{opening}, nothing was changed: this run would take at most ",
        Figure(formats.count(worst.invocations, "invocation"), "estimate.invocations", worst.invocations, strong=True),
        ", ",
        Figure(cost, "estimate.costUsd", worst.cost_usd, strong=True),
        " and ",
        Figure(minutes, "estimate.minutes", worst.minutes, strong=True),
        f" to find the cheapest size with {goal_text(report)}{_here(report)}.",
    )
    facts = facts_of(report.verdict)
    return Message(facts.label, facts.tone, headline, (), "Start it again without the dry run to get an answer.")


def _failed(report: Failure) -> Message:
    error, restored = report.error, report.restored
    headline: Sentence = (
        "The run failed: ",
        Figure(error.message.strip() or "No reason is known.", "error.message", error.message),
    )
    support: list[Sentence] = []
    if report.function_arn is not None:
        spent = f"{doc.at_most(report)}{formats.money(report.spent_usd, doc.currency_of(report))}"
        support.append((f"It had made {formats.count(report.invocations, 'invocation')}, which cost {spent}.",))
    if restored is not None and restored.complete:
        support.append(("The function is as it was, and nothing of the run is left.",))
    elif restored is not None and not restored.remaining:
        support.append(("Nothing of the run is left; somebody else changed the function meanwhile.",))
    elif restored is not None:
        support.append(("Not everything of the run could be removed; see below what remains.",))
    return Message(f"Failed: {error.name}", "bad", headline, tuple(support), error.hint)
