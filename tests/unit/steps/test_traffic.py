"""What production does with the function, and what follows for money; on an in-memory CloudWatch."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from tests.unit.report.test_real_documents import whole_run
from tests.unit.steps.conftest import NOW, FakeRun
from tests.unit.steps.fakes import REGION, FakeCloudWatch, client_error
from tuner.aws.traffic import TrafficReader
from tuner.core.answer.assemble import unlike_production
from tuner.core.answer.codec import decode
from tuner.core.function.target import Traffic
from tuner.core.money.pricing import prices_for
from tuner.report.markdown import render_markdown
from tuner.report.sentences import plain, verdict_message

DAILY = {"Sum": [1_000.0] * 28, "SampleCount": [28_000.0], "p50": [120.0], "p95": [300.0]}


def refuse(error: Exception) -> Any:
    """Answer every question with an error."""

    def before(request: dict[str, Any]) -> None:
        raise error

    return before


def test_production_tells_the_month(run: FakeRun) -> None:
    """Invocations of 28 days become those of a month of 730 hours, and the search hears of them."""
    run.cloudwatch.values = DAILY
    record = run.plan()
    assert record.traffic == Traffic(28_000.0, 120.0, 300.0)
    assert record.problem.monthly_invocations == pytest.approx(28_000 / 28 / 24 * 730)
    assert record.request.monthly_invocations is None
    assert not [line for line in record.assumptions if "in a month" in line]


def test_what_the_user_says_wins(run: FakeRun) -> None:
    """The request's own number is taken, production's durations are kept beside it."""
    run.cloudwatch.values = DAILY
    record = run.plan(monthlyInvocations=5)
    assert record.problem.monthly_invocations == 5
    assert record.traffic is not None


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (client_error("AccessDenied", "no"), "may not read CloudWatch's metrics"),
        (client_error("ThrottlingException", "slow down"), "gave no answer"),
        (client_error("InternalFailure", "oops"), "gave no answer"),
        (None, "no invocation of it in the last 28 days"),
    ],
)
def test_unknown_traffic_is_said_and_never_made_up(run: FakeRun, error: Exception | None, reason: str) -> None:
    """Without an answer the run goes on, with one sentence and without a monthly figure."""
    if error is not None:
        run.cloudwatch.before = refuse(error)
    record = run.plan()
    assert (record.traffic, record.problem.monthly_invocations) == (None, None)
    assert len([line for line in record.assumptions if reason in line and "no monthly figure" in line]) == 1


def test_an_alias_is_asked_for_by_itself() -> None:
    """A version or alias has metrics of its own; $LATEST has not."""
    asked: list[dict[str, Any]] = []
    cloudwatch = FakeCloudWatch()
    cloudwatch.before = asked.append
    reader = TrafficReader(cloudwatch, REGION)
    assert reader.read("theirs", "live", now=NOW) is None
    assert reader.read("theirs", "$LATEST", now=NOW) is None
    dimensions = [request["MetricDataQueries"][0]["MetricStat"]["Metric"]["Dimensions"] for request in asked]
    name = {"Name": "FunctionName", "Value": "theirs"}
    assert dimensions == [[name, {"Name": "Resource", "Value": "theirs:live"}], [name]]
    assert (asked[0]["EndTime"] - asked[0]["StartTime"]).days == 28


def test_periods_that_cloudwatch_cut_in_two_count_by_their_samples() -> None:
    """Two percentiles of one time are weighed by how many invocations each stands for; one without is left out."""
    cloudwatch = FakeCloudWatch()
    cloudwatch.values = {"Sum": [400.0], "SampleCount": [300.0, 100.0], "p50": [100.0, 200.0]}
    traffic = TrafficReader(cloudwatch, REGION).read("theirs", None, now=NOW)
    assert traffic is not None
    assert (traffic.p50_ms, traffic.p95_ms) == (125.0, None)


def test_asking_has_its_price() -> None:
    """What GetMetricData costs is known where its price is, and unknown elsewhere."""
    cloudwatch = FakeCloudWatch()
    cloudwatch.values = DAILY
    costs = [TrafficReader(cloudwatch, region).read("f", None, now=NOW) for region in ("us-east-1", "eu-west-1")]
    assert [each and each.cost_usd for each in costs] == [pytest.approx(0.00004), None]


@pytest.mark.parametrize(
    ("measured_ms", "unlike"), [(49.0, True), (50.0, False), (100.0, False), (200.0, False), (201.0, True)]
)
def test_a_payload_unlike_production_is_pointed_out(measured_ms: float, unlike: bool) -> None:
    """A median more than twice or less than half of production's is another kind of event."""
    assert (unlike_production(Traffic(10, p50_ms=100.0), measured_ms) is not None) == unlike


def test_what_is_not_known_is_not_compared() -> None:
    """Without a median on either side nothing is said."""
    assert unlike_production(Traffic(10), 5.0) is None
    assert unlike_production(Traffic(10, p50_ms=100.0), None) is None


def test_the_report_has_the_month_and_the_warning() -> None:
    """report.json holds traffic, both months and their difference; a payload unlike production's is warned of."""
    document = whole_run(metrics={**DAILY, "p50": [4_000.0]})
    month, traffic = document["monthly"], document["traffic"]
    assert (month["source"], traffic["durationMs"]) == ("cloudwatch", {"p50": 4_000.0, "p95": 300.0})
    cost = document["recommended"]["costPerMillionUsd"]["estimate"]
    assert month["recommendedUsd"] == pytest.approx(cost * month["invocations"] / 1e6)
    assert month["savingUsd"] == pytest.approx(month["currentUsd"] - month["recommendedUsd"])
    assert [line for line in document["warnings"] if "does not look like production's" in line]
    assert "monthlyInvocations" not in document["request"]
    (line,) = [
        plain(sentence) for sentence in verdict_message(decode(document)).support if "Production" in plain(sentence)
    ]
    assert line.startswith(
        "Production in the last 28 days: 28,000 invocations, p50 4,000 ms, p95 300 ms (here, at today"
    )
    (month_line,) = [
        plain(line) for line in verdict_message(decode(document)).support if "CloudWatch counts" in plain(line)
    ]
    assert " a month that CloudWatch counts that is $" in month_line


def test_what_asking_cost_is_told_beside_the_invocations() -> None:
    """The Markdown report counts CloudWatch's price with what the run cost, where it is known."""
    document = whole_run(metrics=DAILY)
    assert "reading CloudWatch's metrics" not in render_markdown(decode(document))
    document["traffic"]["costUsd"] = 0.00004
    assert "and reading CloudWatch's metrics $0.00004." in render_markdown(decode(document))


def test_no_traffic_no_month() -> None:
    """Where the traffic is unknown, both fields are null."""
    document = whole_run()
    assert (document["traffic"], document["monthly"]) == (None, None)


def test_savings_plan_and_tier_move_the_price(run: FakeRun) -> None:
    """Both lower compute time alone, and the report says so."""
    listed = prices_for(REGION, "arm64")
    record = run.plan(savingsPlanDiscount=0.12)
    priced = record.problem.prices["arm64"]
    assert priced.usd_per_gb_second == pytest.approx(listed.usd_per_gb_second * 0.88)
    assert priced.usd_per_request == listed.usd_per_request
    assert [line for line in record.assumptions if "12% below list" in line]
    tiered = prices_for("us-east-1", "arm64", account_gb_seconds=8e9)
    assert tiered.usd_per_gb_second == 0.0000120001


def test_the_question_is_one_that_cloudwatch_takes() -> None:
    """The API's own description accepts what is asked, and its answer is understood."""
    cloudwatch = boto3.client("cloudwatch", region_name=REGION, aws_access_key_id="x", aws_secret_access_key="x")
    results = [
        {"Id": "invocations", "Timestamps": [NOW, NOW - timedelta(days=1)], "Values": [30.0, 26.0]},
        {"Id": "samples", "Timestamps": [NOW], "Values": [56.0]},
        {"Id": "p50", "Timestamps": [NOW], "Values": [120.0]},
        {"Id": "p95", "Timestamps": [], "Values": [], "StatusCode": "Complete"},
    ]
    with Stubber(cloudwatch) as stub:
        stub.add_response("get_metric_data", {"MetricDataResults": results[:2], "NextToken": "more"})
        stub.add_response("get_metric_data", {"MetricDataResults": results[2:]})
        traffic = TrafficReader(cloudwatch, REGION).read("theirs", "live", now=NOW)
        stub.assert_no_pending_responses()
    assert traffic == Traffic(56.0, 120.0, None)
