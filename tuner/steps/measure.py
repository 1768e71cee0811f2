"""Measure: one batch of invocations at one clone, journalled one by one."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import repeat
from typing import TypeVar

from tuner.aws.artifacts import RunArtifacts
from tuner.aws.clients import INVOKE_MARGIN_S
from tuner.aws.invoker import LOG_WAITS_S, Invoker
from tuner.core.codec import from_json, to_json
from tuner.core.errors import BatchUnfinished, CloneNotReady, RunNotFound, Throttled
from tuner.core.function.target import PROCESSOR_TIMEOUT_S
from tuner.core.model import Batch, Invocation, Observation, accept_allowed
from tuner.core.request.payload_mix import next_payload
from tuner.core.run.plan import CLONE_VERSION, clone_name
from tuner.core.run.record import Journal, RunRecord
from tuner.steps.progress import report_batch
from tuner.steps.run import journal_name, load_journals, load_payloads, load_record, load_round

Answer = TypeVar("Answer")
Value = TypeVar("Value")

_FATAL = {"out_of_memory", "timeout", "function_error"}
"""One of these at a size is a fact about the size: the rest of the batch would only repeat it."""

TASK_S = 600.0
"""A task begins no invocation whose worst case would pass this; the handler itself may take 900 s."""

_ANSWER_S = 870.0
"""When a task must have ended, throttled or not: the handler's 900 s with some to write down what it knows."""

_PATIENCE_S = 60.0
"""So long a throttled call is tried again within a task; then the state machine waits."""


def measure(
    artifacts: RunArtifacts,
    invoker_for: Callable[[int], Invoker],
    round_number: int,
    trial: int,
    *,
    sleep: Callable[[float], None],
    clock: Callable[[], float] = time.monotonic,
) -> int:
    """Invoke the batch's clone as often as the search asked, and keep each result.

    Safe to repeat: what the journal holds is not invoked again, and an
    invocation that was started but not written counts as unmeasured.

    *invoker_for* gives an invoker that waits as long as a function with this timeout (in seconds) may take; *clock*
    counts the seconds of this task.

    Returns:
        How many invocations the batch holds now.

    Raises:
        BatchUnfinished: There is more than one task has time for: call again.
        Throttled: AWS asked to slow down; what was measured is kept.
        CloneNotReady: The clone cannot be invoked yet; what was measured is kept.
        CloneFailed: Lambda cannot run the clone, and waiting does not help; what was measured is kept.
        ProcessorFailed: A processor of the request failed; what was measured is kept.
    """
    record = load_record(artifacts)
    batch = _batch(artifacts, round_number, trial)
    name = journal_name(round_number, trial)
    stored = artifacts.find(name)
    journal = from_json(Journal, stored) if stored else Journal(_nothing_yet(batch))
    if journal.complete:
        return len(journal.observation.invocations)
    journals = load_journals(artifacts)
    caller = _Caller(
        invoker_for(record.target.timeout_s),
        clone_name(record.run_id, batch.candidate, batch.clone_number),
        load_payloads(artifacts),
        record,
        sleep,
        clock,
        began_s=clock(),
    )
    earlier = [
        invocation
        for other in journals
        if batch.clone_number == 0
        and other.observation.candidate == batch.candidate
        and other.observation.purpose != "cold_start"
        and other.observation.trial != trial
        for invocation in other.observation.invocations
    ]
    others = [other.observation for other in journals if other.observation.trial != trial]
    for _ in range(journal.started - len(journal.observation.invocations)):
        journal = _with(journal, [Invocation("", "unmeasured", cold=False, error_message="the measuring step ended")])
    worked = False
    while len(journal.observation.invocations) < batch.invocation_count:
        if worked and not caller.has_time:
            raise BatchUnfinished(
                f"{len(journal.observation.invocations)} of {batch.invocation_count} invocations at {batch.candidate} "
                "are measured; the next task continues."
            )
        worked = True
        done = list(journal.observation.invocations)
        wave = (
            min(batch.environment_count, batch.invocation_count - len(done)) if record.problem.max_parallel > 1 else 1
        )
        indices = _next_payloads(record.problem.payload_weights, [*earlier, *done], wave)
        # First, so that if it fails no invocation is booked that was not made.
        report_batch(artifacts, record, batch, [*others, journal.observation])
        journal = replace(journal, started=len(done) + wave)
        artifacts.write(name, to_json(journal))
        if done and record.request.sleep_between_invocations_ms:
            sleep(record.request.sleep_between_invocations_ms / 1000)
        known = [*(each for other in journals for each in other.observation.invocations), *done]
        booked = {each.request_id or "" for each in known}
        calls = caller.wave(indices, booked=booked, new=not [*earlier, *done])
        ran = [call.invocation for call in calls if call.invocation is not None]
        results = accept_allowed(ran, record.request.allowed_exceptions)
        journal = _with(journal, _with_environments(caller.clone, [*earlier, *done], results, wave))
        # What was refused has not run: it is asked for again.
        journal = replace(journal, started=len(journal.observation.invocations))
        # What ran is paid for: a throttled write does not lose it.
        caller.patiently(artifacts.write, name, to_json(journal))
        errors = [call.error for call in calls if call.error is not None]
        if errors:
            raise next((error for error in errors if not isinstance(error, Throttled)), errors[0])
        if any(result.outcome in _FATAL for result in results):
            break
    journal = replace(journal, complete=True)
    artifacts.write(name, to_json(journal))
    report_batch(artifacts, record, batch, [*others, journal.observation])
    return len(journal.observation.invocations)


@dataclass(frozen=True, slots=True)
class _Call:
    """What became of one call: an invocation if the function ran, an error if something stops the batch."""

    invocation: Invocation | None = None
    error: Exception | None = None


@dataclass(slots=True)
class _Caller:
    """Calls one clone, with the request's processors around each call, for as long as the task may take."""

    invoker: Invoker
    clone: str
    payload_of: Callable[[int], bytes]
    record: RunRecord
    sleep: Callable[[float], None]
    clock: Callable[[], float]
    began_s: float

    @property
    def has_time(self) -> bool:
        """Whether one more invocation would end in time even in the worst case."""
        return self._elapsed_s + self._worst_s <= TASK_S

    @property
    def _elapsed_s(self) -> float:
        return self.clock() - self.began_s

    @property
    def _worst_s(self) -> float:
        request = self.record.request
        processors = sum(arn is not None for arn in (request.pre_processor_arn, request.post_processor_arn))
        return (
            self.record.target.timeout_s
            + request.sleep_between_invocations_ms / 1000
            + processors * PROCESSOR_TIMEOUT_S
            + sum(LOG_WAITS_S)
        )

    def wave(self, indices: Sequence[int], *, booked: Collection[str], new: bool) -> list[_Call]:
        """Call the clone once for each payload, all at once.

        *booked* holds the request ids of the invocations that are known; *new*: the clone has never been invoked.
        """
        since_ms, began_s = self.invoker.now_ms(), self._elapsed_s
        if len(indices) == 1:
            calls = [self._call(indices[0], new)]
        else:
            with ThreadPoolExecutor(len(indices)) as pool:
                calls = list(pool.map(self._call, indices, repeat(new)))
        return self._with_lost(calls, since_ms, began_s, booked)

    def _with_lost(self, calls: Sequence[_Call], since_ms: int, began_s: float, booked: Collection[str]) -> list[_Call]:
        """Look for lost answers in the log, now that all that came are known; not if two could be confused."""
        ran = [call.invocation for call in calls if call.invocation is not None]
        lost = [each for each in ran if each.outcome == "unmeasured" and not each.request_id]
        if len({each.payload_index for each in lost}) != 1:
            return list(calls)
        found = iter(
            self.invoker.find_lost(
                self.clone,
                since_ms,
                {*booked, *(each.request_id or "" for each in ran)},
                len(lost),
                patience_s=min(began_s + self.record.target.timeout_s + INVOKE_MARGIN_S + sum(LOG_WAITS_S), _ANSWER_S)
                - self._elapsed_s,
            )
        )
        return [
            replace(call, invocation=replace(next(found, call.invocation), payload_index=lost[0].payload_index))
            if call.invocation in lost
            else call
            for call in calls
        ]

    def _call(self, index: int, new: bool) -> _Call:
        request = self.record.request
        try:
            payload = self.payload_of(index)
            if request.pre_processor_arn is not None:
                given = self.patiently(self.invoker.run_processor, request.pre_processor_arn, payload)
                # A handler that returns nothing answers null.
                payload = given if given.strip() not in (b"", b"null") else payload
            version = CLONE_VERSION if request.snap_start else None
            invoke = partial(self.invoker.invoke, version=version, new=new)
            invocation, answer = self.patiently(invoke, self.clone, payload)
        except Exception as error:  # noqa: BLE001 - raised when the other calls of this wave have ended
            return _Call(error=error)
        kept = invocation.log_tail if self.record.where == "local" or request.include_log_tail else ()
        invocation = replace(invocation, payload_index=index, log_tail=kept)
        if request.post_processor_arn is None:
            return _Call(invocation)
        try:
            self.patiently(self.invoker.run_processor, request.post_processor_arn, answer or b"null")
        except Exception as error:  # noqa: BLE001 - as above
            return _Call(invocation, error)
        return _Call(invocation)

    def patiently(self, call: Callable[[str, Value], Answer], name: str, value: Value) -> Answer:
        """Call, and again if nothing happened for a passing reason: after ``Retry-After``, or a growing wait."""
        waited_s, growing_s = 0.0, 1.0
        while True:
            try:
                return call(name, value)
            except (Throttled, CloneNotReady) as error:
                asked_s = error.retry_after_s if isinstance(error, Throttled) else None
                wait_s = growing_s if asked_s is None else max(asked_s, 0.1)
                growing_s = min(growing_s * 2, 20.0)
                late = self._elapsed_s + wait_s + self._worst_s > _ANSWER_S
                if not late and waited_s + wait_s > _PATIENCE_S and isinstance(error, CloneNotReady) and error.lasting:
                    raise error.lasting from error
                if late or waited_s + wait_s > _PATIENCE_S:
                    raise
                waited_s += wait_s
                self.sleep(wait_s)


def _nothing_yet(batch: Batch) -> Observation:
    return Observation(batch.round, batch.trial, batch.candidate, (), batch.purpose)


def _batch(artifacts: RunArtifacts, round_number: int, trial: int) -> Batch:
    for batch in load_round(artifacts, round_number):
        if batch.trial == trial:
            return batch
    raise RunNotFound(f"Round {round_number} of run {artifacts.run_id} has no batch {trial}.")


def _next_payloads(weights: Sequence[float], so_far: Sequence[Invocation], wave: int) -> list[int]:
    counts = [0] * len(weights)
    for invocation in so_far:
        counts[invocation.payload_index] += 1
    indices = []
    for _ in range(wave):
        index = next_payload(weights, counts)
        counts[index] += 1
        indices.append(index)
    return indices


def _with(journal: Journal, invocations: Sequence[Invocation]) -> Journal:
    observation = journal.observation
    return replace(journal, observation=replace(observation, invocations=(*observation.invocations, *invocations)))


def _with_environments(
    clone: str, earlier: Sequence[Invocation], results: Sequence[Invocation], wave: int
) -> list[Invocation]:
    """Name the environments as far as the order of calls tells them.

    A cold invocation starts a new one. A single call after it lands on the one
    used last. Several at once land on one each: which on which is unknown, so
    they are named in turn, and what counts, on how many they were, is right.
    """
    before = sum(1 for invocation in earlier if invocation.cold)
    last = next((i.environment for i in reversed(earlier) if i.environment is not None), None)
    named = []
    cold = warm = 0
    for result in results:
        if result.cold:
            cold += 1
            named.append(replace(result, environment=f"{clone}#{before + cold}"))
        elif wave == 1 or not before:
            named.append(replace(result, environment=last))
        else:
            named.append(replace(result, environment=f"{clone}#{warm % before + 1}"))
            warm += 1
    return named
