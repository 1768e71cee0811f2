"""The function's own metrics in CloudWatch: how often production calls it, and how long that takes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from tuner.aws.failures import aws_call
from tuner.core.function.target import DAYS, Traffic
from tuner.core.money.pricing import price_rows

_DAY_S = 86_400
_STATISTICS = {
    # Sums add up whatever the periods; percentiles do not, so theirs is the whole time in one.
    "invocations": ("Invocations", "Sum", _DAY_S),
    "samples": ("Duration", "SampleCount", DAYS * _DAY_S),
    "p50": ("Duration", "p50", DAYS * _DAY_S),
    "p95": ("Duration", "p95", DAYS * _DAY_S),
}


class TrafficReader:
    """Reads one function's metrics through an injected CloudWatch client."""

    def __init__(self, cloudwatch: Any, region: str) -> None:
        self._cloudwatch = cloudwatch
        self._region = region

    def read(self, name: str, qualifier: str | None, *, now: datetime) -> Traffic | None:
        """The function's last 28 days, or those of one version or alias; ``None`` if nothing was recorded.

        Raises:
            PermissionDenied: ``cloudwatch:GetMetricData`` is not allowed.
            Throttled: CloudWatch asked to slow down.
            ServiceError: It gave no answer.
        """
        dimensions = [{"Name": "FunctionName", "Value": name}]
        if qualifier and qualifier != "$LATEST":
            dimensions.append({"Name": "Resource", "Value": f"{name}:{qualifier}"})
        queries = [
            {
                "Id": key,
                "MetricStat": {
                    "Metric": {"Namespace": "AWS/Lambda", "MetricName": metric, "Dimensions": dimensions},
                    "Period": period_s,
                    "Stat": statistic,
                },
            }
            for key, (metric, statistic, period_s) in _STATISTICS.items()
        ]
        # Whole hours: CloudWatch keeps a month-old metric in periods of five minutes and of an hour.
        end = now.replace(minute=0, second=0, microsecond=0)
        found: dict[str, dict[Any, float]] = {key: {} for key in _STATISTICS}
        with aws_call("cloudwatch:GetMetricData", name):
            pages = self._cloudwatch.get_paginator("get_metric_data").paginate(
                MetricDataQueries=queries, StartTime=end - timedelta(days=DAYS), EndTime=end
            )
            for page in pages:
                for row in page.get("MetricDataResults", ()):
                    found[row["Id"]].update(zip(row["Timestamps"], row["Values"], strict=True))
        invocations = sum(found["invocations"].values())
        if invocations <= 0:
            return None
        return Traffic(
            invocations=invocations,
            p50_ms=_weighted(found["p50"], found["samples"]),
            p95_ms=_weighted(found["p95"], found["samples"]),
            cost_usd=reading_cost_usd(self._region),
        )


def _weighted(percentiles: Mapping[Any, float], samples: Mapping[Any, float]) -> float | None:
    """The percentile of the one period, or their mean by samples if CloudWatch cut the time in two."""
    weights = {at: samples.get(at, 0.0) for at in percentiles}
    total = sum(weights.values())
    return sum(percentiles[at] * weight for at, weight in weights.items()) / total if total > 0 else None


def reading_cost_usd(region: str) -> float | None:
    """Price one question, every statistic counted as a metric; ``None`` if the Region's price is not known.

    An upper bound: AWS takes up to five statistics of one metric as one.
    """
    rows = price_rows("AmazonCloudWatch", "get-metric-data", region)
    return len(_STATISTICS) * rows[0].price if rows else None
