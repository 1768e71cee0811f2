"""Measure: one batch of invocations at one clone, journalled one by one."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from tuner.aws.artifacts import RunArtifacts
from tuner.aws.invoker import Invoker
from tuner.core.codec import from_json, to_json
from tuner.core.errors import RunNotFound
from tuner.core.model import Batch, Invocation, Observation
from tuner.core.payload_mix import next_payload
from tuner.core.plan import clone_name
from tuner.core.power_tuning import accept_allowed
from tuner.steps.progress import report_batch
from tuner.steps.run import PAYLOADS, Journal, journal_name, load_journals, load_record, load_round

_FATAL = {"out_of_memory", "timeout", "function_error"}
"""One of these at a size is a fact about the size: the rest of the batch would only repeat it."""


def measure(
    artifacts: RunArtifacts,
    invoker_for: Callable[[int], Invoker],
    round_number: int,
    trial: int,
    *,
    sleep: Callable[[float], None],
) -> int:
    """Invoke the batch's clone as often as the search asked, and keep each result.

    Safe to repeat: what the journal holds is not invoked again, and an
    invocation that was started but not written counts as unmeasured.

    Args:
        artifacts: The run's objects.
        invoker_for: Gives an invoker that waits as long as a function with
            this time-out (in seconds) may take.
        round_number: The round.
        trial: The batch, by the number of its trial.
        sleep: Waits for that many seconds.

    Returns:
        How many invocations the batch holds now.

    Raises:
        Throttled: AWS asked to slow down; what was measured is kept.
    """
    record = load_record(artifacts)
    batch = _batch(artifacts, round_number, trial)
    name = journal_name(round_number, trial)
    stored = artifacts.find(name)
    journal = from_json(Journal, stored) if stored else Journal(Observation(round_number, trial, batch.candidate, ()))
    if journal.complete:
        return len(journal.observation.invocations)
    journals = load_journals(artifacts)
    payloads = _payloads(artifacts)
    invoker = invoker_for(record.target.timeout_s)
    clone = clone_name(record.run_id, batch.candidate)
    earlier = [
        invocation
        for other in journals
        if other.observation.candidate == batch.candidate and other.observation.trial != trial
        for invocation in other.observation.invocations
    ]
    others = [other.observation for other in journals if other.observation.trial != trial]
    for _ in range(journal.started - len(journal.observation.invocations)):
        journal = _with(journal, [Invocation("", "unmeasured", cold=False, error_message="the measuring step ended")])
    while len(journal.observation.invocations) < batch.invocation_count:
        done = list(journal.observation.invocations)
        wave = (
            min(batch.environment_count, batch.invocation_count - len(done)) if record.problem.max_parallel > 1 else 1
        )
        indices = _next_payloads(record.problem.payload_weights, [*earlier, *done], wave)
        journal = replace(journal, started=len(done) + wave)
        artifacts.write(name, to_json(journal))
        report_batch(artifacts, record, batch, [*others, journal.observation])
        if done and record.request.sleep_between_invocations_ms:
            sleep(record.request.sleep_between_invocations_ms / 1000)
        try:
            results = accept_allowed(_wave(invoker, clone, payloads, indices), record.request.allowed_exceptions)
        except Exception:
            # Nothing ran in a wave of one that was refused; a larger wave may have run in part.
            journal = replace(journal, started=len(done) + (wave if wave > 1 else 0))
            artifacts.write(name, to_json(journal))
            raise
        journal = _with(journal, _with_environments(clone, [*earlier, *done], results))
        artifacts.write(name, to_json(journal))
        if any(result.outcome in _FATAL for result in results):
            break
    journal = replace(journal, complete=True)
    artifacts.write(name, to_json(journal))
    report_batch(artifacts, record, batch, [*others, journal.observation])
    return len(journal.observation.invocations)


def _batch(artifacts: RunArtifacts, round_number: int, trial: int) -> Batch:
    for batch in load_round(artifacts, round_number):
        if batch.trial == trial:
            return batch
    raise RunNotFound(f"Round {round_number} of run {artifacts.run_id} has no batch {trial}.")


def _payloads(artifacts: RunArtifacts) -> list[bytes]:
    return [json.dumps(row["payload"], ensure_ascii=False).encode() for row in artifacts.read(PAYLOADS)]


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


def _wave(invoker: Invoker, clone: str, payloads: Sequence[bytes], indices: Sequence[int]) -> list[Invocation]:
    def one(index: int) -> Invocation:
        return invoker.invoke(clone, payloads[index], payload_index=index)

    if len(indices) == 1:
        return [one(indices[0])]
    with ThreadPoolExecutor(len(indices)) as pool:
        return list(pool.map(one, indices))


def _with(journal: Journal, invocations: Sequence[Invocation]) -> Journal:
    observation = journal.observation
    return replace(journal, observation=replace(observation, invocations=(*observation.invocations, *invocations)))


def _with_environments(clone: str, earlier: Sequence[Invocation], results: Sequence[Invocation]) -> list[Invocation]:
    """Name the environments as far as the order of calls tells them.

    A cold invocation starts a new one. A single call after it lands on the one
    used last; several at once land on one each, and which on which is unknown.
    """
    started = sum(1 for invocation in earlier if invocation.cold)
    last = next((i.environment for i in reversed(earlier) if i.environment is not None), None)
    named = []
    for result in results:
        if result.cold:
            started += 1
            named.append(replace(result, environment=f"{clone}#{started}"))
        else:
            named.append(replace(result, environment=last if len(results) == 1 else None))
    return named
