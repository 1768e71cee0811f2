"""Reading of the one object that every renderer takes: the content of ``report.json``.

Its shape is published in ``docs/schema/report.schema.json``. A failed run's
document may lack almost everything, so nothing here expects more than
``schemaVersion`` and ``runId``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tuner.core.answer.keep_or_change import KEPT, decision_reason
from tuner.core.measurement.latency import samples_needed
from tuner.core.model import DEFAULT_CONFIDENCE, DEFAULT_TOLERANCE

Document = Mapping[str, Any]
"""The content of report.json; fields and units are described in docs/schema/report.schema.json."""

Configuration = Mapping[str, Any]
"""One entry of ``configurations``, ``recommended``, ``current`` or ``safer``."""

SEEN_WITH = 0.9
"""How sure it must be that the largest sample lies above a percentile for the samples to show it: p95 needs 45."""

DEFAULT_PERCENTILE = 95.0
"""The percentile that is shown where no goal names one."""


def is_modelled(configuration: Configuration, key: str) -> bool:
    """Whether a duration comes from the model because the samples here cannot carry it.

    Args:
        configuration: The memory size.
        key: ``mean`` or a percentile such as ``p95``.
    """
    samples = int(configuration.get("samples") or 0)
    if key == "mean":
        return samples == 0
    return samples < samples_to_see(key)


def samples_to_see(key: str) -> int:
    """How many samples of one size carry a percentile such as ``p95``."""
    return samples_needed(float(key[1:]), SEEN_WITH)


def goal_of(document: Document) -> Mapping[str, float] | None:
    """The latency goal, or None where none was asked."""
    return document.get("goal") or None


def strategy_of(document: Document) -> str:
    """What was looked for where there is no goal: ``cost``, unless the request names another strategy."""
    return str(document.get("strategy") or "cost")


def latency_key(document: Document) -> str:
    """The key of ``durationMs`` that matters in this run: the goal's percentile, else p95."""
    goal = goal_of(document)
    return f"p{goal['percentile'] if goal else DEFAULT_PERCENTILE:g}"


def percentile_keys(document: Document) -> list[str]:
    """Keys of ``durationMs`` worth showing, ascending: p50, p95, p99 and the goal's."""
    return sorted({"p50", "p95", "p99", latency_key(document)}, key=lambda key: float(key[1:]))


def is_failed(document: Document) -> bool:
    """Whether the run ended in an error instead of a verdict."""
    return document.get("error") is not None


def at_most(document: Document) -> str:
    """``at most `` before what was spent, where an invocation left no record; else nothing."""
    rows = document.get("observations") or ()
    return "at most " if any(row.get("billedMs") is None for row in rows) else ""


def function_name(document: Document) -> str:
    """The function's name, from its description, else from its ARN, else the run's id."""
    function = document.get("function") or {}
    if function.get("name"):
        return str(function["name"])
    parts = str(document.get("functionArn") or "").split(":")
    if len(parts) >= 7:  # arn:aws:lambda:region:account:function:name[:qualifier]
        return parts[6]
    return parts[0] or str(document.get("runId") or "unknown function")


def configurations_of(document: Document) -> Sequence[Configuration]:
    """Every configuration; the recommended and current ones alone where the list is missing."""
    rows = document.get("configurations")
    if rows:
        return list(rows)
    unique = {configuration_key(row): row for row in (document.get("current"), document.get("recommended")) if row}
    return sorted(unique.values(), key=configuration_key)


def configuration_key(configuration: Configuration) -> tuple[str, int]:
    """What tells one configuration from another: architecture and memory size in MB."""
    return str(configuration.get("architecture") or ""), int(configuration.get("memoryMb") or 0)


def same_configuration(one: Configuration | None, other: Configuration | None) -> bool:
    """Whether both are there and mean the same memory size on the same architecture."""
    return one is not None and other is not None and configuration_key(one) == configuration_key(other)


def size_of(configuration: Configuration) -> str:
    """The whole configuration in words, ``1,024 MB arm64``."""
    architecture, memory_mb = configuration_key(configuration)
    return f"{memory_mb:,} MB {architecture}".strip()


def decision_of(document: Document) -> Mapping[str, Any]:
    """Whether to keep today's configuration; that of a run that did not decide follows by the same rule.

    Empty where there is nothing to decide.
    """
    if document.get("decision"):
        return document["decision"]  # type: ignore[no-any-return]
    current, recommended = document.get("current"), document.get("recommended")
    if not current or not recommended:
        return {}
    request = document.get("request") or {}
    saving, met = document.get("savingRatio"), goal_probability(document, "recommended")
    reason = decision_reason(
        document.get("verdict"),
        same=same_configuration(current, recommended),
        usable=not is_infeasible(current),
        met_today=current.get("goalProbability"),
        met_pick=None if met is None else met[1],
        confidence=request.get("confidence", DEFAULT_CONFIDENCE),
        worth_ratio=saving,
        tolerance=request.get("tolerance", DEFAULT_TOLERANCE),
    )
    return {"action": "keep" if reason in KEPT else "change", "reason": reason, "worthRatio": saving}


def keeps_another(document: Document) -> bool:
    """Whether today's configuration is kept although another one is the best: a change is not worth it."""
    kept = decision_of(document).get("reason") == "within_tolerance"
    return kept and not document["current"].get("assumed")


def goal_probability(document: Document, which: str) -> tuple[str, float] | None:
    """The path and the probability that one of the named configurations meets the goal; None where it is unknown."""
    if which == "recommended":
        met = (document.get("probability") or {}).get("goalMet")
        if met is not None:
            return "probability.goalMet", float(met)
    met = (document.get(which) or {}).get("goalProbability")
    return None if met is None else (f"{which}.goalProbability", float(met))


def no_size_probability(document: Document) -> tuple[str, float] | None:
    """The path and the probability that no size meets the goal; None where it is unknown.

    A run of an earlier version tells it by its confidence alone: that of
    ``UNCERTAIN`` is the larger one of both probabilities.
    """
    none_meets = (document.get("probability") or {}).get("noSizeMeets")
    if none_meets is not None:
        return "probability.noSizeMeets", float(none_meets)
    confidence, met = document.get("confidence"), goal_probability(document, "recommended")
    told = document.get("verdict") == "GOAL_NOT_MET" or (
        document.get("verdict") == "UNCERTAIN" and confidence is not None and met is not None and confidence > met[1]
    )
    return ("confidence", float(confidence)) if told and confidence is not None else None


def pick_word(document: Document) -> str:
    """What the recommended configuration may honestly be called under this verdict and decision."""
    if keeps_another(document):
        return "best"
    return {"GOAL_NOT_MET": "best", "UNCERTAIN": "best guess"}.get(str(document.get("verdict")), "recommended")


def current_word(document: Document) -> str:
    """What today's configuration is called: "now", or "assumed" where nothing is deployed."""
    return "assumed" if (document.get("current") or {}).get("assumed") else "now"


def was_tried(configuration: Configuration) -> bool:
    """Whether any invocation was made at this configuration."""
    return any(configuration.get(key) for key in ("samples", "failures", "unmeasured", "environments"))


def is_infeasible(configuration: Configuration) -> bool:
    """Whether this configuration cannot be used at all."""
    return bool(configuration.get("infeasibleReason"))


def estimate_of(quantity: Mapping[str, float] | None) -> float | None:
    """The best estimate of an interval, None where there is none."""
    return None if not quantity else float(quantity["estimate"])


def duration_of(configuration: Configuration | None, key: str) -> Mapping[str, float] | None:
    """The interval of a warm duration in milliseconds, None where it is unknown."""
    return ((configuration or {}).get("durationMs") or {}).get(key) or None


def architectures_of(document: Document) -> list[str]:
    """Every architecture in the document, sorted."""
    return sorted({configuration_key(row)[0] for row in configurations_of(document)})


def monthly_invocations(document: Document) -> float | None:
    """Invocations a month, where CloudWatch or somebody told; never guessed."""
    monthly = document.get("monthly") or document.get("request") or {}
    return monthly.get("invocations") or monthly.get("monthlyInvocations") or None


def request_without_payload(document: Document) -> dict[str, Any]:
    """The request as it may be passed on: payloads can hold what a reader of the report must not see."""
    request = dict(document.get("request") or {})
    request.pop("payload", None)
    return {key: value for key, value in request.items() if value is not None}
