"""The values that the whole product speaks in: frozen, JSON-safe, with units in their names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Literal

from tuner.core.json_shape import FLAT, HIDDEN, LEFT_OUT, named
from tuner.core.request.fields import Asked, Flag

Architecture = Literal["x86_64", "arm64"]
Outcome = Literal["ok", "function_error", "out_of_memory", "timeout", "unmeasured"]
"""What became of one invocation. ``unmeasured``: it ran, but left no trustworthy record."""
Strategy = Literal["cost", "speed", "balanced"]
"""What a run without a goal looks for: the cheapest size, the fastest, or the best weighted sum of both."""


def architecture_of(machine: str) -> Architecture:
    """Lambda's name for a processor by the name that the operating system has for it (``platform.machine()``)."""
    return "arm64" if machine in ("arm64", "aarch64") else "x86_64"


DEFAULT_CONFIDENCE = 0.9
DEFAULT_TOLERANCE = 0.05
"""Of cost: two sizes that differ by no more are as good as equal, and a change has to be worth more."""
_INIT_LIMIT_MS = 10_000.0
"""An init may take 10 s before it is started again inside the invocation (AWS Lambda developer guide, seen 2026-11)."""


@dataclass(frozen=True, slots=True, order=True)
class Candidate:
    """One configuration that could be recommended."""

    memory_mb: int
    architecture: Architecture

    @property
    def variant(self) -> str:
        """What it is besides its memory size, in words."""
        return self.architecture

    def __str__(self) -> str:
        return f"{self.memory_mb:,} MB {self.variant}"


@dataclass(frozen=True, slots=True)
class LatencyGoal:
    """A percentile of the duration that must stay at or below a limit."""

    percentile: Annotated[float, Asked("Which percentile of the warm durations.", at_least=50, at_most=99.9)]
    limit_ms: Annotated[float, Asked("Its limit, in milliseconds.", above=0)]

    def __str__(self) -> str:
        return f"p{self.percentile:g} ≤ {self.limit_ms:g} ms"


@dataclass(frozen=True, slots=True)
class TuningBudget:
    """Bounds of a run; the first one reached ends it."""

    max_invocations: Annotated[
        int,
        Asked("Maximum number of invocations.", at_least=2, at_most=10_000),
        Flag("--max-invocations", "Limits", "50", is_setting=True),
    ] = 50
    max_cost_usd: Annotated[
        float,
        Asked("Maximum cost of the invocations, in US dollars.", above=0, at_most=10_000),
        Flag("--max-cost", "Limits", "1", is_setting=True),
    ] = 1.0
    max_minutes: Annotated[
        float,
        Asked("Maximum duration of the run, in minutes.", above=0, at_most=240),
        Flag("--max-minutes", "Limits", "60", is_setting=True),
    ] = 60.0


@dataclass(frozen=True, slots=True)
class ArchitecturePrices:
    """On-demand prices of one Region and architecture, first tier, in US dollars.

    China's Regions are priced in yuan; ``currency`` says which.
    """

    usd_per_gb_second: float
    usd_per_request: float
    usd_per_ephemeral_gb_second: float
    currency: str = "USD"


@dataclass(frozen=True, slots=True)
class SnapshotPrices:
    """What SnapStart costs beside invocations, by memory size; both are 0 for Java."""

    clone_usd_per_gb: float
    """The cache of one published clone, for as long as a run may keep it."""
    restore_usd_per_gb: float
    """One restore; not in what an invocation is billed for."""


@dataclass(frozen=True, slots=True)
class Invocation:
    """One invocation of a clone, as its own log line reports it.

    ``duration_ms`` meets goals, ``billed_ms`` is priced, ``init_ms`` is the
    cold start (init, or SnapStart restore); they are never added silently.
    Each is ``None`` if the record lacks it: absent is not zero.
    """

    request_id: str | None
    outcome: Outcome
    cold: bool
    duration_ms: float | None = None
    billed_ms: int | None = None
    init_ms: float | None = None
    max_memory_used_mb: int | None = None
    source: Literal["tail", "logs", "none"] = "tail"
    """Where the record was read: the tail of the response, CloudWatch Logs, or nowhere."""
    environment: str | None = None
    """Which execution environment, where known: invocations on one share a host factor."""
    payload_index: int = 0
    error_type: str | None = None
    error_message: str | None = None
    error_frames: tuple[str, ...] = field(default=(), metadata=LEFT_OUT)
    """Where the error came from: ``file:line`` of each frame of its traceback, the call that failed last."""
    log_tail: tuple[str, ...] = field(default=(), metadata=LEFT_OUT)
    """The last lines that a failed invocation logged, its traceback among them: on this machine, or on request."""
    cpu_ms: float | None = field(default=None, metadata=LEFT_OUT)
    """CPU time of all its threads and processes; only the embedded AWS tells it, and only where it was asked to."""
    thread_count: int | None = field(default=None, metadata=LEFT_OUT)
    """The most threads that it had at once, if there is a CPU time."""
    core_wait_ms: float | None = field(default=None, metadata=LEFT_OUT)
    """How long other work of this machine had the cores meanwhile, which is not in ``duration_ms``; only the embedded
    AWS tells it, and only if that disturbed the invocation."""
    core_wait_error_ms: float | None = field(default=None, metadata=LEFT_OUT)
    """How far off ``duration_ms`` may be for it."""


Purpose = Literal["search", "drift", "cold_start"]
"""What a batch is for: the search's own, one that looks for a drift, or cold starts that the request asks for."""


@dataclass(frozen=True, slots=True)
class Observation:
    """The invocations of one batch at one candidate: an Optuna trial's result, if its purpose is the search."""

    round: int
    trial: int
    candidate: Candidate
    invocations: tuple[Invocation, ...]
    purpose: Purpose = "search"


def invocations_of(observations: Iterable[Observation], at: Candidate | None = None) -> list[Invocation]:
    """The invocations of some observations, or only those *at* one candidate."""
    return [each for seen in observations if at in (None, seen.candidate) for each in seen.invocations]


def accept_allowed(invocations: Sequence[Invocation], allowed_exceptions: Sequence[str]) -> list[Invocation]:
    """Count an error that the request allows as the answer that it is, if it was measured; its traceback and log go.

    Timeouts and running out of memory are never allowed: they are facts about the size.
    """
    return [
        replace(invocation, outcome="ok", error_frames=(), log_tail=())
        if invocation.outcome == "function_error"
        and invocation.error_type in allowed_exceptions
        and invocation.duration_ms is not None
        and invocation.billed_ms is not None
        else invocation
        for invocation in invocations
    ]


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch that the search asks for: *invocation_count* invocations at one candidate.

    ``environment_count`` is over how many execution environments they are
    spread (parallel invocations land on different ones).
    """

    round: int
    trial: int
    candidate: Candidate = field(metadata=FLAT)
    invocation_count: int = field(metadata=named("invocations"))
    environment_count: int = field(metadata=named("environments"))
    reason: str
    purpose: Purpose = field(default="search", metadata=HIDDEN)
    clone_number: int = field(default=0, metadata=HIDDEN)
    """Which temporary function of the candidate: 0 is the search's, each other one is fresh."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """The next round: batches to measure, or none and the reason why the search stops."""

    batches: tuple[Batch, ...] = ()
    stop_reason: str | None = None


@dataclass(frozen=True, slots=True)
class FixedDesign:
    """What to invoke if the user says it, and the search does not: so often at each of these."""

    candidates: tuple[Candidate, ...]
    """Only these are invoked, and only these may be recommended."""
    invocation_count: int
    """Invocations at each of them, the payload check and failed ones included."""


@dataclass(frozen=True, slots=True)
class SearchProblem:
    """Everything that the search needs to know about a run; JSON-safe and complete."""

    candidates: tuple[Candidate, ...]
    """The space, ascending by memory size; holds the current size."""
    current: Candidate
    goal: LatencyGoal | None
    prices: Mapping[Architecture, ArchitecturePrices]
    timeout_ms: float
    """The function's own timeout."""
    budget: TuningBudget = field(default_factory=TuningBudget)
    confidence: float = DEFAULT_CONFIDENCE
    tolerance: float = DEFAULT_TOLERANCE
    ephemeral_storage_mb: int = 512
    cold_start_share: float | None = None
    monthly_invocations: float | None = None
    payload_weights: tuple[float, ...] = (1.0,)
    must_measure: tuple[Candidate, ...] = ()
    """Candidates that are measured whatever they promise; today's size is, without being listed."""
    design: FixedDesign | None = None
    """If there is one, it is carried out as it is, and nothing else is measured."""
    strategy: Strategy = "cost"
    """What is looked for without a goal; with one, it is the cheapest that meets it."""
    balanced_weight: float = 0.5
    """The weight of cost in the strategy ``balanced``, 0 to 1; the rest is the duration's."""
    max_parallel: int = 1
    """Most environments that may be used at once."""
    snapshot_prices: SnapshotPrices | None = None
    """``None``: clones have no SnapStart."""
    seed: int = 0
    any_size: bool = False
    """Whether sizes between the candidates may be recommended too: the request names neither sizes nor a step."""
    first_invocation_cold: bool = True
    """Whether the first invocation in a new environment is a cold start, which is no warm sample.

    True wherever functions run for real; the replays of ``bench`` have warm ones only.
    """

    @property
    def worst_ms(self) -> float:
        """The longest that one invocation can be billed for: a whole init, then the timeout."""
        return self.timeout_ms + _INIT_LIMIT_MS


@dataclass(frozen=True, slots=True)
class EarlierRun:
    """What an earlier run of the same code, configuration, payload and place observed."""

    run_id: str
    age_days: float
    """When this run began."""
    observations: tuple[Observation, ...]


@dataclass(frozen=True, slots=True)
class RunContext:
    """What the run knows about its surroundings besides its own measurements."""

    memory_cap_mb: int | None = None
    """Largest memory size that can be used here (the account's, or this machine's)."""
    stop_requested: bool = False
    """The user asked the run to end with what it has."""
    earlier: tuple[EarlierRun, ...] = ()
    """What a warm start may rest on, the latest first; whether it does is the search's to decide."""
