"""A snapshot holds no secrets, and what differs between two of them is named."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tuner.core.function.clone import TREATMENTS
from tuner.core.function.snapshot import CONFIGURATION, MISSING, NOT_READABLE, compare, fingerprint, foreign_changes

READABLE: dict[str, Any] = {
    CONFIGURATION: {
        "MemorySize": 1024,
        "Timeout": 10,
        "CodeSha256": "x" * 44,
        "LastModified": "2026-11-01T00:00:00.000+0000",
        "RevisionId": "first",
        "State": "Inactive",
        "Environment": {"Variables": {"SECRET": "hunter2"}},
        "Layers": [{"Arn": "layer:1", "CodeSize": 3}],
    },
    "aliases": [
        {"Name": "live", "FunctionVersion": "3", "RevisionId": "a"},
        {"Name": "next", "FunctionVersion": "4", "RevisionId": "b"},
    ],
    "tags": {"team": "shop"},
    "event source mappings": [{"UUID": "1", "State": "Enabled", "LastProcessingResult": "OK", "BatchSize": 10}],
    "provisioned concurrency": [],
    "policy": None,
    "log group": {"retentionInDays": 30, "storedBytes": 1},
    "recursion": "Terminate",
}


def changed(section: str, value: Any) -> dict[str, Any]:
    """Give what is read when one section has become another."""
    return {**READABLE, section: value}


def differing(later: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    """Name what differs from ``READABLE``, section by section."""
    checks = compare(fingerprint(READABLE), fingerprint(later))
    return {check.what: check.differs for check in checks if check.same is False}


def test_secrets_are_hashes() -> None:
    """No value of an environment variable is in a snapshot, nor its name."""
    text = json.dumps(fingerprint(READABLE))
    assert "hunter2" not in text
    assert "SECRET" not in text


def test_same_function_has_no_difference() -> None:
    """Everything equal, all of it compared."""
    checks = compare(fingerprint(READABLE), fingerprint(READABLE))
    assert {check.same for check in checks} == {True}
    assert {check.what for check in checks} >= set(READABLE)


def test_what_aws_changes_by_itself_is_no_difference() -> None:
    """A function wakes up, a stream is polled, logs grow, revisions are renewed: nobody changed anything."""
    later = {
        **READABLE,
        CONFIGURATION: {**READABLE[CONFIGURATION], "State": "Active", "RevisionId": "second"},
        "aliases": [{**row, "RevisionId": "c"} for row in READABLE["aliases"]],
        "event source mappings": [{**READABLE["event source mappings"][0], "LastProcessingResult": "No records"}],
        "log group": {"retentionInDays": 30, "storedBytes": 2_000_000},
    }
    assert differing(later) == {}


@pytest.mark.parametrize(
    ("section", "value", "differs"),
    [
        (CONFIGURATION, {**READABLE[CONFIGURATION], "Timeout": 11}, ("Timeout",)),
        (CONFIGURATION, {**READABLE[CONFIGURATION], "Environment": {"Variables": {}}}, ("Environment",)),
        (CONFIGURATION, {**READABLE[CONFIGURATION], "Layers": []}, ("Layers.layer:1",)),
        (
            "aliases",
            [READABLE["aliases"][0], {"Name": "next", "FunctionVersion": "5"}],
            ("next.FunctionVersion",),
        ),
        ("aliases", READABLE["aliases"][:1], ("next",)),
        ("tags", {"team": "shop", "lambda-tuner": "enabled"}, ("lambda-tuner",)),
        ("tags", None, ("team",)),
        ("event source mappings", [{**READABLE["event source mappings"][0], "State": "Disabled"}], ("1.State",)),
        ("provisioned concurrency", [{"FunctionArn": "f:live"}], ("f:live",)),
        ("policy", {"Statement": [{"Sid": "s3"}]}, ("Statement",)),
        ("log group", {"retentionInDays": 7}, ("retentionInDays",)),
        ("log group", None, ("retentionInDays",)),
        ("recursion", "Allow", ()),
    ],
)
def test_difference_is_named_by_its_setting(section: str, value: Any, differs: tuple[str, ...]) -> None:
    """The section, and the settings in it that differ."""
    found = differing(changed(section, value))
    assert found[section] == differs
    assert set(found) - {"timeout (s)"} == {section}


SETTINGS = sorted(field for field, treatment in TREATMENTS.items() if treatment.kind != "answer")


@pytest.mark.parametrize("field", sorted({*SETTINGS, "CodeSize", "LastModified"} - {"RuntimeVersionConfig"}))
def test_every_setting_is_compared(field: str) -> None:
    """Whatever `GetFunctionConfiguration` may answer and somebody can set; the runtime's version is AWS's to move."""
    found = differing({**READABLE, CONFIGURATION: {**READABLE[CONFIGURATION], field: "another"}})
    assert found[CONFIGURATION] == (field,)


def test_what_could_not_be_read_is_not_called_the_same() -> None:
    """Neither equal nor different, whichever of the two could not be read."""
    for before, after in ((READABLE, changed("tags", NOT_READABLE)), (changed("tags", NOT_READABLE), READABLE)):
        (check,) = (one for one in compare(fingerprint(before), fingerprint(after)) if one.what == "tags")
        assert (check.same, check.differs) == (None, ())


def test_section_of_one_snapshot_alone_is_not_compared() -> None:
    """The policy of an alias beyond those that are read: the list of aliases tells whether it is gone."""
    (check,) = compare({"policy of live": {"Statement": []}}, {})
    assert check.same is None


def test_function_that_is_gone_is_one_row() -> None:
    """A dozen differences would say it no better."""
    checks = compare(fingerprint(READABLE), {CONFIGURATION: MISSING})
    assert [(check.what, check.after, check.same) for check in checks] == [("the function itself", MISSING, False)]


def words(later: dict[str, Any]) -> list[str]:
    """Word the changes from ``READABLE`` to another reading."""
    before, after = fingerprint(READABLE), fingerprint(later) if CONFIGURATION in later else later
    return [
        change.sentence
        for change in foreign_changes(before, after, compare(before, after), since="03:00", until="03:20")
    ]


def test_foreign_deployment_is_named_by_its_time_and_revisions() -> None:
    """Once, however many settings it changed."""
    later = {
        **READABLE[CONFIGURATION],
        "MemorySize": 2048,
        "LastModified": "2026-11-24T03:10:00.000+0000",
        "RevisionId": "second",
    }
    before, after = fingerprint(READABLE), fingerprint(changed(CONFIGURATION, later))
    (change,) = foreign_changes(before, after, compare(before, after), since="03:00", until="03:20")
    assert change.sentence == (
        "Somebody else changed the configuration (LastModified, MemorySize); "
        "it was last modified at 2026-11-24T03:10:00.000+0000."
    )
    assert (change.revision_before, change.revision_after) == ("first", "second")


def test_change_without_a_time_of_its_own_is_named_by_the_runs() -> None:
    """AWS does not tell when a tag or a policy was changed."""
    assert words(changed("tags", {"team": "toys"})) == [
        "Somebody else changed the tags (team), between 03:00 and 03:20."
    ]
    assert words(changed("recursion", "Allow")) == [
        "Somebody else changed the recursion, from Terminate to Allow, between 03:00 and 03:20."
    ]


def test_deleted_function_is_somebody_elses_deed() -> None:
    """No role of a run can delete it."""
    before, after = fingerprint(READABLE), {CONFIGURATION: MISSING}
    (change,) = foreign_changes(before, after, compare(before, after), since="03:00", until="03:20")
    assert change.sentence == "Somebody else deleted the function, between 03:00 and 03:20."


def test_dates_and_odd_values_become_text() -> None:
    """Boto3 gives dates where AWS gives numbers of seconds."""
    snapshot = fingerprint({"event source mappings": [{"LastModified": datetime(2026, 11, 24, tzinfo=UTC)}]})
    assert json.loads(json.dumps(snapshot)) == snapshot


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)
SECTIONS = st.dictionaries(st.sampled_from(["tags", "aliases", "policy", "recursion"]), JSON)


# On a busy machine the first draw alone may be called slow.
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(before=SECTIONS, after=SECTIONS)
def test_only_equal_sections_are_called_the_same(before: dict[str, Any], after: dict[str, Any]) -> None:
    """Whatever AWS answers, in whatever shape; and nothing raises."""
    for check in compare(before, after):
        if check.same is not None:
            assert check.same == (before[check.what] == after[check.what])
            told_apart = check.before != check.after or check.differs
            # An empty list is shown as an empty mapping is: AWS never answers now one and now the other.
            assert check.same or told_apart or not (before[check.what] or after.get(check.what))


def test_a_change_is_not_dated_by_an_older_one() -> None:
    """Where the function's own time of change did not move, it says nothing of this change: the run's time does."""
    before = {"configuration": {"MemorySize": 128, "LastModified": "2026-01-01"}}
    after = {"configuration": {"MemorySize": 256, "LastModified": "2026-01-01"}}
    (change,) = foreign_changes(before, after, compare(before, after), since="then", until="now")
    assert change.modified_at is None
    assert change.sentence.endswith("(MemorySize), between then and now.")
