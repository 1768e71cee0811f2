"""``check``: whether today's configuration is still the right one, as an exit code for a pipeline."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tuner.cli.console import error_console
from tuner.cli.failures import EXIT_CHEAPER, EXIT_COST_LIMIT, EXIT_MISSES_GOAL, EXIT_OK, UsageProblem
from tuner.cli.github import Level, annotate, append_summary, is_github
from tuner.core.answer.report import Answer, RunReport
from tuner.report import document as doc
from tuner.report import formats, tables
from tuner.report.change import is_worth_making
from tuner.report.markdown import render_markdown
from tuner.report.sentences import failure_sentence, plain, verdict_message

CHECKED = "Today's configuration is right."


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a pipeline should know: a sentence, and the exit code to stop with, 0 if it may go on."""

    code: int
    sentence: str


def judge_with(limit_usd: float | None) -> Callable[[RunReport], list[Finding]]:
    """Make the judge of a run; *limit_usd* is what a million invocations may cost today, ``None``: no limit.

    Raises:
        UsageProblem: The limit is not above 0.
    """
    if limit_usd is not None and not 0 < limit_usd < float("inf"):
        raise UsageProblem(f"--max-cost-per-million is {limit_usd:g}: it must be above 0.")

    def judge(report: RunReport) -> list[Finding]:
        """Everything that is wrong with today's configuration, the worst first."""
        answer = doc.answer_of(report)
        if answer is None:
            return []
        found = (_misses_goal(answer), _passes_limit(answer, limit_usd), _cheaper_exists(answer), _fails(answer))
        return [finding for finding in found if finding is not None]

    return judge


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check leaves for others to read: report.md with what was found, and annotations of the job."""

    markdown: bytes | None
    annotations: Sequence[tuple[Level, str]]


def checked_run(report: RunReport, findings: Sequence[Finding], code: int) -> Checked:
    """The report of a run that was checked; an annotation for each finding, or for a verdict that stops the job."""
    annotations: list[tuple[Level, str]] = [
        ("warning" if finding.code in (EXIT_OK, EXIT_CHEAPER) else "error", finding.sentence) for finding in findings
    ]
    if code not in (EXIT_OK, *(finding.code for finding in findings)):
        message = verdict_message(report)
        annotations.insert(0, ("error", f"{message.label}: {plain(message.headline)}"))
    found = [finding.sentence for finding in findings] or ([CHECKED] if code == EXIT_OK else [])
    return Checked(render_markdown(report, checked=found).encode(), annotations)


def tell_github(checked: Checked, *, title: str) -> None:
    """Show a check where GitHub Actions shows one; nothing happens elsewhere."""
    problem = None if checked.markdown is None else append_summary(checked.markdown.decode())
    if problem:
        error_console().print(problem)
    if is_github():
        annotate(checked.annotations, title=title, stream=sys.stderr)


def exit_code_of(verdict_code: int, findings: list[Finding]) -> int:
    """The run's own exit code, else that of the worst finding."""
    if verdict_code != EXIT_OK or not findings:
        return verdict_code
    return findings[0].code


def _decided(answer: Answer) -> str | None:
    """Why the run decided to change today's configuration; ``None`` if it is kept, or nothing is sure."""
    decision = doc.decision_of(answer)
    if not is_worth_making(answer) or decision is None or decision.action != "change":
        return None
    return decision.reason


def _misses_goal(answer: Answer) -> Finding | None:
    """Today's size misses the goal where another one meets it."""
    current, recommended = answer.current, answer.recommended
    if current is None or _decided(answer) not in ("misses_goal", "cannot_be_used"):
        return None
    met = doc.goal_probability(answer, "current")
    asked = answer.request.get("confidence")
    how = "misses the goal"
    if current.infeasible_reason:
        how = f"cannot be used ({current.infeasible_reason})"
    elif met is not None:
        asked_for = f" ({formats.percent(asked)} was asked for)" if asked else ""
        how = f"meets the goal with a probability of only {formats.probability(met[1])}{asked_for}"
    cost = f" and costs {tables.cost_difference(answer)}" if answer.saving_ratio is not None else ""
    good = "meets it" if answer.goal else "can"
    return Finding(EXIT_MISSES_GOAL, f"Today's {current.candidate} {how}; {recommended.candidate} {good}{cost}.")


def _passes_limit(answer: Answer, limit_usd: float | None) -> Finding | None:
    cost_usd = answer.current.cost_per_million_usd if answer.current else None
    if limit_usd is None or cost_usd is None or cost_usd.estimate <= limit_usd:
        return None
    currency = doc.currency_of(answer)
    sentence = (
        f"A million invocations cost {formats.money(cost_usd.estimate, currency)} today, above the limit of "
        f"{formats.money(limit_usd, currency)}"
    )
    then_usd = answer.recommended.cost_per_million_usd
    if then_usd is not None and is_worth_making(answer):
        within = "within it" if then_usd.estimate <= limit_usd else "above it as well"
        size = answer.recommended.candidate
        sentence += f"; {size} would cost {formats.money(then_usd.estimate, currency)}, {within}"
    return Finding(EXIT_COST_LIMIT, f"{sentence}.")


def _fails(answer: Answer) -> Finding | None:
    """The function's own code failed: news for a pipeline, which it does not stop at."""
    sentence = failure_sentence(answer)
    return Finding(EXIT_OK, sentence) if sentence else None


def _cheaper_exists(answer: Answer) -> Finding | None:
    """A cheaper size is worth a change."""
    if answer.current is None or answer.saving_ratio is None or _decided(answer) != "saves":
        return None
    return Finding(
        EXIT_CHEAPER,
        f"{answer.recommended.candidate} is {formats.percent(answer.saving_ratio)} cheaper than today's "
        f"{answer.current.candidate}{tables.saving_bounds(answer)}.",
    )
