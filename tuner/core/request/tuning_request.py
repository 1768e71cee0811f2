"""The request: its fields, each described once, and the frozen value that a run keeps of them.

``tuner.core.request.parsing`` makes it from an execution's input, once, at the border. The tables of the documentation
and the JSON Schema are written from it: ``scripts/request-documents``.
"""

from __future__ import annotations

from dataclasses import dataclass, is_dataclass
from typing import Annotated, Any

from tuner.core.model import DEFAULT_CONFIDENCE, DEFAULT_TOLERANCE, Architecture, LatencyGoal, Strategy, TuningBudget
from tuner.core.request.fields import EVERY_COMMAND, IN_AN_ACCOUNT, Asked, Flag, fields_of

MOST_ENVIRONMENTS_AT_ONCE = 5
"""Of one clone, that are invoked at the same time."""

DEFAULT_STEP_MB = 64

ROUND_SIZES_MB = (
    *range(128, 1_024, 128),
    *range(1_024, 3_072, 256),
    3_008,  # the cap of young accounts, and the largest size there was until 2020: common in real functions
    *range(3_072, 10_241, 512),
)
"""The sizes that a pick may be rounded to: those that people type."""


@dataclass(frozen=True, slots=True)
class MemoryRange:
    """Every *step_mb* from *min_mb* to *max_mb*, both included if the step meets them."""

    min_mb: Annotated[int, Asked("The smallest.", name="min", at_least=128, at_most=10_240, unit="MB")] = 128
    max_mb: Annotated[int, Asked("The largest.", name="max", at_least=128, at_most=10_240, unit="MB")] = 10_240
    step_mb: Annotated[
        int | None,
        Asked("The step between them; 64 unless given.", name="step", at_least=1, at_most=10_240, unit="MB"),
    ] = None
    """Without one, DEFAULT_STEP_MB, and sizes in between if the function runs in steps of the CPU's quota."""


MemorySpec = MemoryRange | tuple[int, ...]
"""Which sizes may be recommended: a range, or exactly these."""


@dataclass(frozen=True, slots=True)
class WeightedPayload:
    """One event to invoke with, and its share of the traffic relative to the others."""

    payload: Any
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class ObservedDuration:
    """One duration known from AWS; it anchors what the embedded AWS measures."""

    memory_mb: Annotated[int, Asked("At this memory size …", at_least=128, at_most=10_240, unit="MB")]
    duration_ms: Annotated[float, Asked("… the function takes this long on AWS, in milliseconds.", above=0)]


@dataclass(frozen=True, slots=True)
class PowerTuning:
    """What a request says in fields of AWS Lambda Power Tuning that have no counterpart here."""

    num: Annotated[
        int | None,
        Asked("Number of invocations at each memory size: the search chooses nothing.", at_least=2, at_most=1_000),
    ] = None
    strategy: Annotated[Strategy, Asked("What to look for without a goal.")] = "cost"
    balanced_weight: Annotated[
        float, Asked('The weight of cost in `"balanced"`: 0 is the fastest, 1 the cheapest.', at_least=0, at_most=1)
    ] = 0.5
    discard_top_bottom: Annotated[
        float | None,
        Asked(
            "Accepted. No invocation is discarded; the output says what is done in its place.", at_least=0, at_most=0.4
        ),
    ] = None
    include_output_results: Annotated[bool, Asked("Whether the output has `stats`, a row for each measured size.")] = (
        False
    )
    only_cold_starts: Annotated[
        bool,
        Asked(
            "Accepted. Warm invocations are measured all the same; the output says what is done in its place.",
            shown_at_default=False,
        ),
    ] = False
    allowed_exceptions: Annotated[
        tuple[str, ...],
        Asked(
            "Error types that count as an answer, as the function names them.",
            rule="it must be a list of error types",
            shown_at_default=False,
        ),
    ] = ()


@dataclass(frozen=True, slots=True)
class TuningRequest:
    """What a user asked for, complete: defaults are filled in, bounds hold.

    An attribute with ``Asked`` is a field of the execution's input. ``payloads``
    is empty exactly if ``payload_s3`` names an object to read them from.
    """

    lambda_arn: Annotated[
        str,
        Asked("The function: its name, its ARN, `123456789012:function:name`, each also with `:version` or `:alias`."),
    ]
    goal: Annotated[
        LatencyGoal | None,
        Asked("The latency goal. Without one, the cheapest size wins."),
        Flag("--goal", "Goal", "p95=300ms", is_setting=True),
    ] = None
    payloads: Annotated[
        tuple[WeightedPayload, ...],
        Asked("The event to invoke with.", name="payload", rule="it must be JSON"),
        Flag(
            "--payload",
            "Goal",
            "FILE",
            "JSON file with the event, or a list of {payload, weight}. Default: {}.",
            is_setting=True,
        ),
    ] = (WeightedPayload({}),)
    payload_s3: Annotated[
        str | None,
        Asked("The event from a bucket.", rule="it must have the form s3://bucket/key"),
        Flag("--payload-s3", "Goal", "s3://…", commands=IN_AN_ACCOUNT),
    ] = None
    memory: Annotated[
        MemorySpec,
        Asked(
            "Memory sizes to try: a range with its step, a list (128,512,1024), or ALL.",
            rule='it must be {"min", "max", "step"}, a list of sizes, or "ALL"',
        ),
        Flag("--sizes", "Search space", "128-3008:64", is_setting=True),
    ] = MemoryRange()
    architectures: Annotated[
        tuple[Architecture, ...] | None,
        Asked("Architectures to try. Default: the function's own."),
        Flag("--architectures", "Search space", "x86_64,arm64", commands=IN_AN_ACCOUNT, is_setting=True),
    ] = None
    budget: Annotated[TuningBudget, Asked("Bounds of the run; the first one that is reached ends it.")] = TuningBudget()  # noqa: RUF009 - it is frozen
    confidence: Annotated[
        float,
        Asked("How sure the verdict must be: {bounds}.", at_least=0.5, at_most=0.999),
        Flag("--confidence", "Goal", "0.9", is_setting=True),
    ] = DEFAULT_CONFIDENCE
    tolerance: Annotated[
        float,
        Asked("How close to the cheapest size is good enough.", at_least=0, at_most=0.5),
        Flag("--tolerance", "Goal", "0.05", is_setting=True),
    ] = DEFAULT_TOLERANCE
    cold_start_share: Annotated[
        float | None,
        Asked("Share of cold starts in production, for the cost.", at_least=0, at_most=1),
        Flag("--cold-start-share", "Goal", "0.02", is_setting=True),
    ] = None
    monthly_invocations: Annotated[
        float | None,
        Asked("Invocations a month, for the monthly saving.", at_least=0),
        Flag("--monthly-invocations", "Goal", "N", is_setting=True),
    ] = None
    savings_plan_discount: Annotated[
        float | None,
        Asked("Your savings plan's discount on compute time.", at_least=0, at_most=0.9),
        Flag("--savings-plan-discount", "Goal", "0.12", commands=IN_AN_ACCOUNT, is_setting=True),
    ] = None
    account_gb_seconds: Annotated[
        float | None,
        Asked(
            "GB-seconds the account uses each month, for its price tier.", name="accountGbSecondsPerMonth", at_least=0
        ),
        Flag("--account-gb-seconds", "Goal", "N", commands=IN_AN_ACCOUNT, is_setting=True),
    ] = None
    parallel_invocation: Annotated[
        bool | None,
        Asked("Invoke up to five at a time at each size, or one at a time. Default: up to three."),
        Flag("--parallel/--no-parallel", "Execution"),
    ] = None
    sleep_between_invocations_ms: Annotated[
        int,
        Asked("Pause between two invocations.", at_least=0, at_most=60_000),
        Flag("--sleep-between-ms", "Execution", "0"),
    ] = 0
    reserved_concurrency: Annotated[
        int | None,
        Asked(
            "Reserve this much concurrency for each clone; the account's other functions go without it.",
            at_least=1,
            at_most=MOST_ENVIRONMENTS_AT_ONCE,
            because=", as no more of a clone are invoked at once",
        ),
        Flag("--reserved-concurrency", "Execution", "1-5", commands=IN_AN_ACCOUNT),
    ] = None
    pre_processor_arn: Annotated[
        str | None,
        Asked("A function to run before each invocation."),
        Flag("--pre-processor", "Execution", "ARN", commands=IN_AN_ACCOUNT),
    ] = None
    post_processor_arn: Annotated[
        str | None,
        Asked("A function to run after each invocation."),
        Flag("--post-processor", "Execution", "ARN", commands=IN_AN_ACCOUNT),
    ] = None
    cold_starts: Annotated[
        int,
        Asked(
            "Measure this many cold starts, at today's size and at the recommended one.",
            at_least=0,
            at_most=100,
            shown_at_default=False,
        ),
        Flag("--cold-starts", "Execution", "0", commands=("tune", "try")),
    ] = 0
    snap_start: Annotated[
        bool,
        Asked(
            "Use SnapStart on the clones too, if the function has it. It costs fees, and minutes each round.",
            shown_at_default=False,
        ),
        Flag("--snap-start", "Execution", commands=IN_AN_ACCOUNT),
    ] = False
    warm_start: Annotated[
        bool,
        Asked("Start from what earlier runs of the same code, configuration and payload measured."),
        Flag("--no-warm-start", "Execution", help="Ignore what earlier runs measured."),
    ] = True
    dry_run: Annotated[
        bool,
        Asked("Check everything, invoke once and estimate the cost."),
        Flag("--dry-run", "Execution", commands=("tune", "try")),
    ] = False
    include_log_tail: Annotated[
        bool,
        Asked(
            "Show the last log lines of a failed invocation, and keep them in report.json and report.html.",
            shown_at_default=False,
        ),
        Flag("--show-logs", "Output", commands=IN_AN_ACCOUNT),
    ] = False
    power_tuning: PowerTuning | None = None
    """``None``: no field of AWS Lambda Power Tuning's own was used, and its output is not asked for."""
    observed: Annotated[
        ObservedDuration | None,
        Asked(
            "A duration that you know from AWS, to scale this machine's milliseconds to AWS's.",
            local_only=", whose milliseconds are another machine's: here every duration is measured",
        ),
        Flag("--observed", "Goal", "512=420ms"),
    ] = None
    cpu_time: Annotated[
        bool,
        Asked(
            "Measure CPU time too (on this machine only).",
            local_only=": Lambda's records do not have it",
            shown_at_default=False,
        ),
        Flag("--cpu-time", "Execution", commands=(*EVERY_COMMAND, "demo")),
    ] = False
    prices_region: Annotated[
        str | None,
        Asked(
            "Region whose prices to use. Default: us-east-1.",
            local_only=": here the prices of the function's Region count",
        ),
        Flag("--prices", "The function", "REGION", commands=("try",)),
    ] = None

    @property
    def num(self) -> int | None:
        """Invocations at each memory size if the request fixes them, else ``None``."""
        return None if self.power_tuning is None else self.power_tuning.num

    @property
    def allowed_exceptions(self) -> tuple[str, ...]:
        """Error types that are an answer of the function like any other."""
        return () if self.power_tuning is None else self.power_tuning.allowed_exceptions

    @property
    def payload_s3_location(self) -> tuple[str, str] | None:
        """Bucket and key of ``payload_s3``."""
        if self.payload_s3 is None:
            return None
        bucket, _, key = self.payload_s3.removeprefix("s3://").partition("/")
        return bucket, key

    def to_input(self, *, with_payload: bool = False) -> dict[str, Any]:
        """Write the request under the execution input's own names, for people to read.

        Payloads may hold what must not be shown: they are left out unless asked for.
        """
        own = {} if self.power_tuning is None else _shown(self.power_tuning)
        if own.get("strategy") != "balanced":
            own.pop("balancedWeight", None)
        shown = {**_shown(self), **own}
        del shown["payload"]
        if self.payload_s3 is None and with_payload:
            first = self.payloads[0]
            plain = len(self.payloads) == 1 and first.weight == 1 and not is_weighted_mix(first.payload)
            shown["payload"] = (
                first.payload if plain else [{"payload": item.payload, "weight": item.weight} for item in self.payloads]
            )
        return shown


def _shown(value: Any) -> dict[str, Any]:
    """The fields of a value under the input's names, without those that say nothing."""
    kind: Any = type(value)
    shown = {}
    for name, each in fields_of(kind).items():
        given = getattr(value, each.attribute)
        if given is not None and (each.asked.shown_at_default or given != each.default):
            shown[name] = _shown(given) if is_dataclass(given) else list(given) if isinstance(given, tuple) else given
    return shown


def is_weighted_mix(payload: Any) -> bool:
    """Tell a weighted mix from an event that happens to be a list.

    A mix is a list whose every item has exactly ``payload`` and ``weight``;
    the empty list, of which that is true as well, counts as one.
    """
    return isinstance(payload, list) and all(
        isinstance(item, dict) and item.keys() == {"payload", "weight"} for item in payload
    )
