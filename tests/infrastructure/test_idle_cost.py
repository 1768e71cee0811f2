"""What the deployed stack costs in a month in which nothing is tuned: from the template, as docs/money.md says."""

from __future__ import annotations

import re

from tests.infrastructure.deployed import EVERYTHING_SET, REGION, ROOT, Deployed
from tuner.core.money.pricing import invocation_cost_usd, price_rows, prices_for

HOURS_A_MONTH = 730
SWEEP_BILLED_MS = 3_000
"""Assumed of a sweep, cold every time: twice what init and run took on the embedded AWS."""
SWEEP_LOG_BYTES = 2_048
"""Assumed of a sweep: START, one line of its own, END and REPORT are 1.1 KB."""


def monthly_usd(deployed: Deployed) -> dict[str, float]:
    """Price what the stack does by itself in a month, in which no run is started and nothing is left behind."""

    def price(service: str, item: str) -> float:
        (row,) = price_rows(service, item, REGION)
        return row.price

    sweeps = 0
    compute_usd = 0.0
    functions = {one["FunctionName"]: one for one in deployed.functions.values()}
    for schedule in deployed.of_type("AWS::Scheduler::Schedule").values():
        if schedule.get("State", "ENABLED") != "ENABLED":
            continue
        assert schedule["ScheduleExpression"] == "rate(1 hour)", "what does this schedule cost?"
        function = functions[schedule["Target"]["Arn"].rpartition(":")[2]]  # a state machine would be a KeyError
        sweeps += HOURS_A_MONTH
        compute_usd += HOURS_A_MONTH * invocation_cost_usd(
            function["MemorySize"], SWEEP_BILLED_MS, prices_for(REGION, function["Architectures"][0])
        )
    alarm_metrics = sum(
        len([one for one in alarm["Metrics"] if "MetricStat" in one])
        for alarm in deployed.of_type("AWS::CloudWatch::Alarm").values()
    )
    return {
        "Schedules": sweeps * price("AmazonEventBridge", "scheduler-invocation"),
        "Lambda": compute_usd,
        "Logs": sweeps * SWEEP_LOG_BYTES / 1024**3 * price("AmazonCloudWatch", "logs-ingestion"),
        "Custom metrics": 0.0,  # only news is sent: tests/unit/handlers/test_sweep_handler.py
        "Traces": sweeps * price("AWSXRay", "trace-recorded"),
        "S3 requests": sweeps * price("AmazonS3", "list-or-put"),
        "State transitions": 0.0,
        "Alarms": alarm_metrics * price("AmazonCloudWatch", "alarm-metric"),
    }


def documented() -> dict[str, tuple[str, str]]:
    """Read the table of docs/money.md: the dollars of each line by default and with AlarmTopicArn, as text."""
    text = (ROOT / "docs" / "money.md").read_text(encoding="utf-8")
    section = text.partition("## When nothing is tuned")[2].partition("\n## ")[0]
    rows = re.finditer(r"(?m)^\| ([^|]+) \|.*\| (\S+) \| (\S+) \|$", section)
    return {row[1]: (row[2], row[3]) for row in rows}


def test_the_idle_cost_is_the_documented_one() -> None:
    """Each line of the table is what the template costs, with alarms and without, and the sum is the sum."""
    plain = monthly_usd(Deployed())
    alarmed = monthly_usd(Deployed({"AlarmTopicArn": EVERYTHING_SET["AlarmTopicArn"]}))
    rows = documented()
    for line, usd in plain.items():
        assert rows[line] == (f"{usd:.4f}", f"{alarmed[line]:.4f}"), line
    assert rows["**Sum**"] == (f"**{sum(plain.values()):.4f}**", f"**{sum(alarmed.values()):.4f}**")
    assert set(rows) - {"**Sum**"} == set(plain)


def test_a_stack_at_rest_costs_next_to_nothing() -> None:
    """Two cents a month by default: a custom metric alone, sent every hour, would be $0.30."""
    assert sum(monthly_usd(Deployed()).values()) < 0.02
