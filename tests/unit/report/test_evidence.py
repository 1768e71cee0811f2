"""What is shown below each size's numbers."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tests.unit.report import documents
from tests.unit.report.documents import changed
from tests.unit.report.test_html import without_pictures
from tuner.core.answer.recommendation import Drift
from tuner.core.answer.report import MonthlyCost, ProductionTraffic, TrafficPercentiles
from tuner.report import distribution, evidence
from tuner.report.sentences import drift_sentence, plain, traffic_sentence, verdict_message


def test_memory_headroom_is_what_the_most_hungry_invocation_left() -> None:
    """Today's size and the recommended one, each with its most used memory."""
    document = changed(documents.goal_met(), {"recommended.maxMemoryUsedMb": 768})
    rows = evidence.memory_headroom(document)
    assert [row.name for row in rows] == ["now", "recommended"]
    assert (rows[1].used.text, rows[1].free) == ("768 MB", "25%")


def test_unknown_memory_is_no_headroom() -> None:
    """Where no record told what was used, nothing is claimed to be free."""
    unknown = {"current.maxMemoryUsedMb": None, "recommended.maxMemoryUsedMb": None}
    document = changed(documents.goal_met(), unknown)
    assert evidence.memory_headroom(document) == []


def test_cold_starts_are_counted_at_the_size_where_they_were_seen() -> None:
    """One row a size, with the longest initialisation."""
    document = documents.goal_met()
    rows = evidence.cold_starts(document)
    assert {row.configuration.candidate for row in rows} == {row.candidate for row in document.observations}
    assert all(row.count == 1 for row in rows)


def test_payloads_of_a_mix_have_their_share_and_never_their_content() -> None:
    """Weights become shares; what the payloads hold is not shown."""
    document = documents.goal_met()
    mix = [
        {"payload": {"secret": "correct horse"}, "weight": 3},
        {"payload": {"secret": "battery staple"}, "weight": 1},
    ]
    indexes = {f"observations.{number}.payloadIndex": number % 2 for number in range(len(document.observations))}
    document = changed(document, {"request.payload": mix, **indexes})
    rows = evidence.payload_shares(document)
    assert [row.weight for row in rows] == ["75%", "25%"]
    assert sum(row.count for row in rows) == len(document.observations)
    page = without_pictures(document)
    assert "Payloads of the mix" in page
    assert "correct horse" not in page


def test_one_payload_is_no_mix() -> None:
    """Nothing is said of shares where there are none."""
    assert evidence.payload_shares(documents.goal_met()) == []


def test_architectures_stand_side_by_side_at_the_recommended_size() -> None:
    """Where both were looked at, and only there."""
    rows = evidence.architectures(documents.two_architectures())
    assert [str(row.configuration.candidate) for row in rows] == ["1,024 MB arm64", "1,024 MB x86_64"]
    assert evidence.architectures(documents.goal_met()) == []


def test_unmeasured_invocations_are_listed_and_never_a_duration() -> None:
    """They are counted with their request ids."""
    lost = {"outcome": "unmeasured", "durationMs": None, "billedMs": None, "source": "none"}
    document = changed(documents.goal_met(), {f"observations.3.{field}": value for field, value in lost.items()})
    page = without_pictures(document)
    assert "Unmeasured invocations" in page
    assert page.count(document.observations[3].invocation.request_id) >= 2
    assert "0.00 ms" not in page


@pytest.mark.parametrize(
    ("drift", "beginning"),
    [
        (Drift(1.2, 1.1, 1.3, 2, found=True), "Durations drifted"),
        (Drift(1.01, 0.97, 1.05, 1, found=False), "No drift was found"),
        (None, "Drift could not be checked"),
    ],
)
def test_drift_is_told_whether_it_was_found_or_not(drift: Drift | None, beginning: str) -> None:
    """A change, none, or that nothing could be compared; an older document says nothing."""
    assert drift_sentence(replace(documents.goal_met(), drift=drift)).startswith(beginning)
    assert drift_sentence(changed(documents.goal_met(), {"drift": ...})) == ""


def test_production_stands_beside_what_was_measured() -> None:
    """CloudWatch's percentiles, and only those that it gave."""
    traffic = ProductionTraffic(28, 5_600_000, TrafficPercentiles(120.0, None), 0.00001)
    sentence = traffic_sentence(replace(documents.goal_met(), traffic=traffic))
    assert "5,600,000 invocations in 28 days, with p50 120 ms" in sentence
    assert "p95" not in sentence
    assert traffic_sentence(documents.goal_met()) == ""


def test_a_month_is_the_documents_own() -> None:
    """Where report.json says what a month costs, the sentence says that and nothing of its own."""
    document = documents.goal_met()
    document = replace(document, monthly=MonthlyCost(2_000_000, "cloudwatch", 11.5, 4.25, 7.25))
    text = " ".join(plain(sentence) for sentence in verdict_message(document).support)
    assert "At the 2,000,000 invocations a month that CloudWatch counts that is $7.25 less a month" in text
    assert "($4.25 instead of $11.50)" in text


def test_a_percentile_is_read_from_the_samples_only_where_they_carry_it() -> None:
    """Nine samples show a median; a p95 takes 45, and says so."""
    found = {size.path: size for size in distribution.distributions(documents.goal_met())}
    rows = {row.key: row for row in found["recommended"].rows}
    assert found["recommended"].count == 9
    assert re.fullmatch(r"\d+ ms", rows["p50"].samples.text)
    assert (rows["p95"].samples.text, rows["p95"].samples.note) == ("–", "takes 45 samples")
    assert rows["p95"].modelled.note == "modelled"


def test_enough_samples_show_a_p95_with_its_bounds() -> None:
    """Fifty samples carry it, and the word "modelled" is gone."""
    (found,) = [size for size in distribution.distributions(documents.local_run()) if size.path == "recommended"]
    row = next(row for row in found.rows if row.key == "p95")
    assert row.samples.bounds
    assert row.modelled.note == ""
