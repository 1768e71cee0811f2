"""Documents as runs leave them, made from a known curve and seeded noise: the renderers' test data."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from tuner.core.answer.keep_or_change import KEPT, decision_reason

X86_USD_PER_GB_SECOND = 0.0000166667
ARM_USD_PER_GB_SECOND = 0.0000133334
USD_PER_MILLION_REQUESTS = 0.20
DEFAULT_SPACE = sorted({*range(128, 10241, 64), 1769, 3008, 10240})


def mean_ms(memory_mb: int, *, fixed_ms: float, scaling_ms: float, exponent: float, saturation_mb: int) -> float:
    """The family that fits most real functions: a part that waits and a part that CPU makes faster."""
    return fixed_ms + scaling_ms * max((1024 / memory_mb) ** exponent, (1024 / saturation_mb) ** exponent)


def console_of(folder: str) -> str:
    """Where the S3 console shows the report that lies in a folder of the bucket."""
    bucket, _, key = folder.removeprefix("s3://").partition("/")
    region = "eu-central-1"
    return f"https://{region}.console.aws.amazon.com/s3/object/{bucket}?region={region}&prefix={key}/report.html"


def interval(estimate: float, relative: float) -> dict[str, float]:
    """A 90 % interval that is wider above than below."""
    return {
        "estimate": round(estimate, 4),
        "low": round(estimate * (1 - relative), 4),
        "high": round(estimate * (1 + relative * 1.15), 4),
    }


def probability_within(duration: dict[str, float], limit_ms: float) -> float:
    """That a duration of this interval lies at or below a limit, were it normally distributed."""
    sigma = (duration["high"] - duration["low"]) / 3.29
    return round(0.5 * math.erfc((duration["estimate"] - limit_ms) / (sigma * math.sqrt(2))), 4)


def alternatives(configurations: Sequence[dict[str, Any]], current: dict[str, Any], goal: Any) -> dict[str, Any] | None:
    """An answer for every other limit: the cheapest size that meets it with 90 %, else the most probable one."""
    key = f"p{goal[0]:g}" if goal else "p95"
    usable = [row for row in configurations if row["durationMs"]]
    if not usable:
        return None
    low = min(row["durationMs"][key]["low"] for row in usable) * 0.9
    high = max(row["durationMs"][key]["high"] for row in usable) * 1.1
    limits = {float(f"{low * (high / low) ** (place / 150):.3g}") for place in range(151)} | (
        {goal[1]} if goal else set()
    )
    choices: list[dict[str, Any]] = []
    steps = []
    for limit_ms in sorted(limits):
        rated = [(probability_within(row["durationMs"][key], limit_ms), row) for row in usable]
        sure = [(p, row) for p, row in rated if p >= 0.9]
        best = max(p for p, _ in rated)
        met, pick = (
            min(sure, key=lambda each: each[1]["costPerMillionUsd"]["estimate"])
            if sure
            else max(rated, key=lambda each: (each[0], -each[1]["costPerMillionUsd"]["estimate"]))
        )
        verdict = "GOAL_MET" if sure else "GOAL_NOT_MET" if best <= 0.1 else "UNCERTAIN"
        if not choices or (choices[-1]["memoryMb"], choices[-1]["verdict"]) != (pick["memoryMb"], verdict):
            cost, now = pick["costPerMillionUsd"], current["costPerMillionUsd"]
            choices.append(
                {
                    "fromLimitMs": limit_ms,
                    "toLimitMs": limit_ms,
                    "memoryMb": pick["memoryMb"],
                    "architecture": pick["architecture"],
                    "verdict": verdict,
                    "durationMs": pick["durationMs"][key],
                    "costPerMillionUsd": cost,
                    "savingRatio": round(1 - cost["estimate"] / now["estimate"], 4) if now else None,
                    "samples": pick["samples"],
                    "environments": pick["environments"],
                    "thin": pick["samples"] < 4,
                }
            )
        choices[-1]["toLimitMs"] = limit_ms
        confidence = {"GOAL_MET": met, "UNCERTAIN": max(met, round(1 - best, 4))}.get(verdict, round(1 - best, 4))
        steps.append(
            {"limitMs": limit_ms, "choice": len(choices) - 1, "goalProbability": met, "confidence": confidence}
        )
    return {"percentile": goal[0] if goal else 95, "choices": choices, "steps": steps}


def finished_run(
    *,
    name: str = "thumbnail-api",
    goal: tuple[float, float] | None = (95, 300),
    verdict: str = "GOAL_MET",
    space: Sequence[int] = tuple(DEFAULT_SPACE),
    measured: Sequence[tuple[int, int]] = ((3008, 4), (128, 2), (256, 2), (512, 3), (1024, 9), (1792, 4), (960, 6)),
    recommended_mb: int = 1024,
    current_mb: int = 3008,
    safer_mb: int | None = None,
    too_small_mb: int | None = None,
    architecture: str = "arm64",
    where: str = "aws",
    fixed_ms: float = 22.0,
    scaling_ms: float = 176.0,
    exponent: float = 0.98,
    saturation_mb: int = 1769,
    monthly_invocations: int | None = None,
    payload_error: str = "Runtime.OutOfMemory",
    seed: int = 7,
) -> dict[str, Any]:
    """A whole report.json. *measured* is (memory size, warm invocations) in the order of the search."""
    rng = random.Random(seed)
    arn = f"arn:aws:lambda:eu-central-1:123456789012:function:{name}"
    price = ARM_USD_PER_GB_SECOND if architecture == "arm64" else X86_USD_PER_GB_SECOND
    started = datetime(2026, 11, 23, 9, 14, 2, tzinfo=UTC)

    def truth(memory_mb: int) -> float:
        return mean_ms(
            memory_mb, fixed_ms=fixed_ms, scaling_ms=scaling_ms, exponent=exponent, saturation_mb=saturation_mb
        )

    observations: list[dict[str, Any]] = []
    for trial, (memory_mb, warm_count) in enumerate(measured):
        out_of_memory = too_small_mb is not None and memory_mb <= too_small_mb
        for index in range(warm_count + 1):
            cold = index == 0
            duration = truth(memory_mb) * math.exp(rng.gauss(0, 0.035)) * (1.18 if cold else 1.0)
            observations.append(
                {
                    "round": trial + 1,
                    "trial": trial,
                    "memoryMb": memory_mb,
                    "architecture": architecture,
                    "requestId": f"{rng.getrandbits(32):08x}-{rng.getrandbits(16):04x}-4{rng.getrandbits(12):03x}-"
                    f"8{rng.getrandbits(12):03x}-{rng.getrandbits(48):012x}",
                    "outcome": "out_of_memory" if out_of_memory else "ok",
                    "cold": cold,
                    "durationMs": round(duration, 2),
                    "billedMs": math.ceil(duration),
                    "initMs": round(rng.gauss(420, 18), 2) if cold else None,
                    "maxMemoryUsedMb": memory_mb if out_of_memory else min(memory_mb, 96 + rng.randrange(4)),
                    "source": "tail",
                    "environment": f"2026/11/23/[$LATEST]{trial:08x}",
                    "payloadIndex": 0,
                    "errorType": payload_error if out_of_memory else None,
                    "errorMessage": "RequestId ended: Runtime exited with error: signal: killed"
                    if out_of_memory
                    else None,
                }
            )
            if out_of_memory:
                break

    def configuration(memory_mb: int) -> dict[str, Any]:
        rows = [row for row in observations if row["memoryMb"] == memory_mb]
        warm = [row for row in rows if not row["cold"] and row["outcome"] == "ok"]
        failures = [row for row in rows if row["outcome"] not in ("ok", "unmeasured")]
        nearest = min((abs(math.log(memory_mb / size)) for size, _ in measured), default=2.0)
        relative = (0.09 / math.sqrt(len(warm)) + 0.012) if warm else min(0.05 + 0.09 * nearest, 0.4)
        infeasible = too_small_mb is not None and memory_mb <= too_small_mb
        duration: dict[str, dict[str, float]] = {}
        if not infeasible:
            mean = truth(memory_mb)
            for key, factor, spread in (("mean", 1.0, 1.0), ("p50", 0.99, 1.0), ("p95", 1.07, 1.3), ("p99", 1.12, 1.9)):
                duration[key] = interval(mean * factor, relative * spread)
            if goal is not None and f"p{goal[0]:g}" not in duration:
                duration[f"p{goal[0]:g}"] = interval(mean * 1.2, relative * 2.6)
        cost = None
        if not infeasible:
            compute = truth(memory_mb) / 1000 * memory_mb / 1024 * price * 1_000_000
            cost = interval(compute + USD_PER_MILLION_REQUESTS, relative)
        cold = [row["initMs"] for row in rows if row["initMs"] is not None and row["outcome"] == "ok"]
        goal_probability = None
        if goal is not None:
            goal_probability = 0.0
            if duration:
                goal_probability = probability_within(duration[f"p{goal[0]:g}"], goal[1])
        return {
            "memoryMb": memory_mb,
            "architecture": architecture,
            "durationMs": duration,
            "coldStartMs": interval(sum(cold) / len(cold), 0.06) if cold else None,
            "costPerMillionUsd": cost,
            "samples": len(warm),
            "environments": 1 if rows else 0,
            "basis": "samples" if warm else "model",
            "infeasibleReason": f"ran out of memory ({memory_mb} MB used of {memory_mb} MB)" if infeasible else None,
            "failures": len(failures),
            "unmeasured": 0,
            "maxMemoryUsedMb": max((row["maxMemoryUsedMb"] for row in rows), default=None),
            "goalProbability": goal_probability,
        }

    sizes = sorted({*space, *(size for size, _ in measured), current_mb, recommended_mb})
    configurations = [configuration(size) for size in sizes]
    by_size = {row["memoryMb"]: row for row in configurations}
    recommended, current = by_size[recommended_mb], by_size[current_mb]
    saving = None
    if recommended["costPerMillionUsd"] and current["costPerMillionUsd"]:
        saving = round(1 - recommended["costPerMillionUsd"]["estimate"] / current["costPerMillionUsd"]["estimate"], 4)
    goal_met = recommended["goalProbability"]
    confidence = {
        "GOAL_MET": goal_met,
        "UNCERTAIN": goal_met if goal_met is not None else 0.62,
        "GOAL_NOT_MET": None if goal_met is None else round(1 - goal_met, 4),
        "NO_GOAL": 0.91,
    }[verdict]
    run_id = f"{name[:20]}-20261123-0914-5b1e"
    folder = f"s3://lambda-tuner-artifacts-123456789012-eu-central-1/runs/{run_id}"
    if where == "local":
        folder = "out/demo"
    spent = sum((row["billedMs"] / 1000) * (row["memoryMb"] / 1024) * price for row in observations)
    spent += len(observations) * USD_PER_MILLION_REQUESTS / 1_000_000
    document = {
        "schemaVersion": 1,
        "runId": run_id,
        "functionArn": arn,
        "where": where,
        "verdict": verdict,
        "goal": None if goal is None else {"percentile": goal[0], "limitMs": goal[1]},
        "recommended": recommended,
        "current": {**current, "assumed": where == "local"},
        "safer": by_size[safer_mb] if safer_mb is not None else None,
        "savingRatio": saving,
        "probability": {
            "goalMet": goal_met,
            "within3Percent": 0.61,
            "within5Percent": 0.83,
            "within10Percent": 0.97,
        },
        "confidence": confidence,
        "invocations": len(observations),
        "spentUsd": round(spent, 6),
        "stoppedBecause": "The best next batch would cost more than what it could still improve.",
        "drift": {"ratio": 1.01, "low": 0.97, "high": 1.05, "sizes": 2, "found": False},
        "coldStarts": None,
        "report": {
            "html": f"{folder}/report.html",
            "markdown": f"{folder}/report.md",
            "json": f"{folder}/report.json",
            "svg": f"{folder}/report.svg",
            **({} if where == "local" else {"console": console_of(folder)}),
        },
        "currency": "USD",
        "request": {
            "lambdaARN": arn,
            "goal": None if goal is None else {"percentile": goal[0], "limitMs": goal[1]},
            "payload": {"image": "s3://thumbnails/example.jpg", "width": 320},
            "memory": {"min": 128, "max": 10240, "step": 64},
            "architectures": [architecture],
            "budget": {"maxInvocations": 50, "maxCostUsd": 1.0, "maxMinutes": 60.0},
            "confidence": 0.9,
            "tolerance": 0.05,
            "coldStartShare": None,
            "monthlyInvocations": monthly_invocations,
            "parallelInvocation": False,
            "sleepBetweenInvocationsMs": 0,
            "dryRun": False,
        },
        "function": {
            "name": name,
            "arn": arn,
            "runtime": "python3.13",
            "handler": "app.handler",
            "architecture": architecture,
            "memoryMb": current_mb,
            "timeoutS": 30,
            "codeSha256": "n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=",
        },
        "startedAt": started.isoformat(),
        "finishedAt": (started + timedelta(seconds=74)).isoformat(),
        "configurations": configurations,
        "goalAlternatives": alternatives(configurations, current, goal),
        "observations": observations,
        "assumptions": [
            "How often the function is called in a month is not known, so no monthly figure is given.",
            "The share of cold starts in production is not known, so the goal is judged on warm invocations.",
        ],
        "warnings": [
            "The recommended size was measured on one execution environment; others may differ by 5 to 12 %.",
        ],
        "leftUndone": ["x86_64 was not tried: the request names no architecture besides the function's own."],
        "unmeasurable": [
            {
                "memorySizesMb": list(range(3584, 10241, 64)),
                "reason": "these sizes get more CPU than this machine has (2 cores)",
            }
        ]
        if where == "local"
        else [],
        "restored": {
            "complete": True,
            "checkedAt": (started + timedelta(seconds=72)).isoformat(),
            "checks": [
                {"what": "memory size (MB)", "before": current_mb, "after": current_mb, "same": True},
                {
                    "what": "code SHA-256",
                    "before": "n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=",
                    "after": "n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=",
                    "same": True,
                },
                {
                    "what": "revision",
                    "before": "1f0c5d0e-6f0b-4a0a-9a53-0b6c0d4f2a11",
                    "after": "1f0c5d0e-6f0b-4a0a-9a53-0b6c0d4f2a11",
                    "same": True,
                },
            ],
            "removed": [
                f"lambda-tuner-clone-5b1e0c77a2d9-{size}-{'arm' if architecture == 'arm64' else 'x86'}"
                for size in sorted({size for size, _ in measured})
            ],
            "remaining": [],
        },
        "prices": {
            "region": "eu-central-1",
            "seenOn": "2026-11-02",
            "architectures": {
                architecture: {"usdPerGbSecond": price, "usdPerMillionRequests": USD_PER_MILLION_REQUESTS}
            },
        },
        "repeatCommand": None,
        "versions": {"lambda-tuner": "0.1.0", "python": "3.13.5", "optuna": "4.5.0", "boto3": "1.40.55"},
    }
    return decided(document)


def decided(document: dict[str, Any]) -> dict[str, Any]:
    """The document with the decision that follows from its other fields, by the rule that runs follow."""
    current, recommended, saving = document["current"], document["recommended"], document["savingRatio"]
    same = (current["memoryMb"], current["architecture"]) == (recommended["memoryMb"], recommended["architecture"])
    reason = decision_reason(
        document["verdict"],
        same=same,
        usable=not current.get("infeasibleReason"),
        met_today=current["goalProbability"],
        met_pick=document["probability"]["goalMet"],
        confidence=document["request"]["confidence"],
        worth_ratio=saving,
        tolerance=document["request"]["tolerance"],
    )
    kept = reason in KEPT
    if reason == "within_tolerance" and current.get("assumed"):
        reason, kept = "assumed", False
    bounds = {"estimate": saving, "low": round(saving - 0.03, 4), "high": round(saving + 0.03, 4)}
    decision = {
        "action": "keep" if kept else "change",
        "reason": reason,
        "worthRatio": None if same else saving,
        "savingRatio": None if same else bounds,
    }
    return {**document, "decision": decision}


def goal_met() -> dict[str, Any]:
    """The usual case: a smaller size is cheaper and meets the goal."""
    return finished_run(goal=(95, 225))


def goal_not_met() -> dict[str, Any]:
    """A goal that lies under the floor of the function."""
    return finished_run(
        goal=(95, 100),
        verdict="GOAL_NOT_MET",
        recommended_mb=1856,
        measured=((3008, 4), (128, 2), (256, 2), (512, 3), (1024, 3), (1856, 9), (1792, 5)),
    )


def uncertain() -> dict[str, Any]:
    """The budget ended while the goal's probability was still below the asked confidence."""
    document = finished_run(goal=(95, 215), verdict="UNCERTAIN", safer_mb=1152)
    document["stoppedBecause"] = "The budget of 40 invocations is used up."
    return document


def no_goal() -> dict[str, Any]:
    """The cheapest size, out of memory at the smallest."""
    return finished_run(
        name="invoice-compressor",
        goal=None,
        verdict="NO_GOAL",
        recommended_mb=256,
        current_mb=1024,
        too_small_mb=128,
        fixed_ms=60.0,
        scaling_ms=120.0,
        measured=((1024, 4), (128, 0), (256, 8), (512, 4), (2048, 2), (320, 3), (192, 4)),
        monthly_invocations=12_000_000,
    )


def local_run() -> dict[str, Any]:
    """A run on the embedded AWS of a machine with two cores."""
    return finished_run(
        name="example-image-resize",
        where="local",
        architecture="x86_64",
        space=[*range(128, 3539, 64), 1769, 3008],
        current_mb=128,
        goal=(95, 400),
        recommended_mb=640,
        measured=((128, 3), (256, 2), (512, 4), (1024, 2), (2048, 2), (640, 50)),
        fixed_ms=34.0,
        scaling_ms=190.0,
    )


def two_architectures() -> dict[str, Any]:
    """Both instruction sets in the space; the other one is recommended."""
    document = finished_run(goal=(99.9, 300))
    other = finished_run(
        goal=(99.9, 300),
        architecture="x86_64",
        measured=((3008, 4), (256, 2), (1024, 3), (1536, 2)),
        scaling_ms=150.0,
        recommended_mb=1024,
    )
    document["current"] = other["current"]
    document["goalAlternatives"] = alternatives(
        [*document["configurations"], *other["configurations"]], other["current"], (99.9, 300)
    )
    document["configurations"] += other["configurations"]
    document["observations"] += other["observations"]
    document["invocations"] += other["invocations"]
    document["request"]["architectures"] = ["arm64", "x86_64"]
    now, then = (document[which]["costPerMillionUsd"]["estimate"] for which in ("current", "recommended"))
    document["savingRatio"] = round(1 - then / now, 4)
    document["leftUndone"] = []
    return decided(document)


def one_size() -> dict[str, Any]:
    """Only today's size in the space."""
    document = finished_run(space=[512], measured=((512, 6),), recommended_mb=512, current_mb=512, goal=(95, 500))
    document["request"]["memory"] = [512]
    return document


def hundred_sizes(samples: int = 50) -> dict[str, Any]:
    """As much as a run can be: 100 measured sizes and long names."""
    sizes = [128 + 100 * index for index in range(100)]
    return finished_run(
        name="x" * 31 + "-" + "y" * 32,
        space=sizes,
        measured=[(size, samples) for size in sizes],
        recommended_mb=1028,
        current_mb=3028,
        monthly_invocations=1_250_000,
    )


def dry_run() -> dict[str, Any]:
    """Nothing measured, the most that it would take."""
    whole = finished_run()
    keys = ("schemaVersion", "runId", "functionArn", "where", "goal", "request", "function", "startedAt", "versions")
    return {
        **{key: whole[key] for key in keys},
        "verdict": "DRY_RUN",
        "recommended": None,
        "current": None,
        "safer": None,
        "savingRatio": None,
        "probability": None,
        "confidence": None,
        "invocations": 1,
        "spentUsd": 0.0000052,
        "stoppedBecause": "It is a dry run: one invocation and an estimate.",
        "estimate": {"invocations": 50, "costUsd": 0.0214, "minutes": 9.0},
        "report": whole["report"],
        "finishedAt": whole["finishedAt"],
        "assumptions": whole["assumptions"],
        "warnings": [],
        "leftUndone": [],
    }


def failed_run() -> dict[str, Any]:
    """The payload fails at the function's current size: one invocation, everything cleaned up."""
    whole = finished_run(measured=((3008, 0),), space=[3008], recommended_mb=3008)
    observation = whole["observations"][0]
    observation.update(
        outcome="function_error", errorType="KeyError", errorMessage="'image'", durationMs=4.1, billedMs=5
    )
    keys = (
        "schemaVersion", "runId", "functionArn", "where", "goal", "invocations", "spentUsd", "request", "function",
        "startedAt", "finishedAt", "observations", "restored", "versions", "report",
    )  # fmt: skip
    return {
        **{key: whole[key] for key in keys},
        "warnings": [],
        "error": {
            "name": "PayloadFailed",
            "message": "thumbnail-api fails with this payload at its current size of 3,008 MB: KeyError: 'image'.",
            "hint": 'Give a payload that the function accepts (--payload event.json, or "payload" in the input).',
        },
    }


EXAMPLES = {
    "goal-met": goal_met,
    "goal-not-met": goal_not_met,
    "uncertain": uncertain,
    "no-goal": no_goal,
    "dry-run": dry_run,
    "failed": failed_run,
    "local": local_run,
}
"""File name under docs/schema/examples/ and the document that it was written from."""
