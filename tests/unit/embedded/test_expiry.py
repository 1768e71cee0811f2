"""Objects expire by their bucket's rules when S3's would: days after they were written, at a midnight in UTC."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tuner.embedded.identity import ACCOUNT_ID, REGION
from tuner.embedded.moto_account import expire_objects

BUCKET = "expiring"
WRITTEN_AT = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)


@pytest.fixture
def backend() -> Iterator[Any]:
    """A bucket whose code goes after two days, with one object of that and one of another kind."""
    from moto.s3.models import s3_backends

    backend = s3_backends[ACCOUNT_ID]["aws"]
    bucket = backend.create_bucket(BUCKET, REGION)
    bucket.set_lifecycle(
        [
            {"ID": "code", "Status": "Enabled", "Prefix": "clones/", "Expiration": {"Days": 2}},
            {"ID": "off", "Status": "Disabled", "Prefix": "open/", "Expiration": {"Days": 1}},
            {
                "ID": "parts",
                "Status": "Enabled",
                "Prefix": "",
                "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
            },
        ]
    )
    for key in ("clones/0.zip", "open/run-1.json", "fleet/today.html"):
        write(backend, key, WRITTEN_AT)
    yield backend
    backend.reset()


def write(backend: Any, key: str, at: datetime) -> None:
    """Put an object at a time of the test's."""
    backend.put_object(BUCKET, key, b"1").last_modified = at.replace(tzinfo=None)


@pytest.mark.parametrize(
    ("written_at", "kept", "gone"),
    [
        (WRITTEN_AT, "2026-11-26T23:59:59+00:00", "2026-11-27T00:00:00+00:00"),
        (WRITTEN_AT.replace(hour=0), "2026-11-25T23:59:59+00:00", "2026-11-26T00:00:00+00:00"),
    ],
)
def test_days_are_rounded_up_to_a_midnight(backend: Any, written_at: datetime, kept: str, gone: str) -> None:
    """Written at 3 in the night with a rule of two days, it goes at the third midnight."""
    write(backend, "clones/0.zip", written_at)
    assert expire_objects(datetime.fromisoformat(kept)) == []
    assert expire_objects(datetime.fromisoformat(gone)) == ["clones/0.zip"]
    assert backend.get_object(BUCKET, "clones/0.zip") is None


def test_only_what_an_enabled_rule_names_expires(backend: Any) -> None:
    """Other prefixes, a rule that is switched off, and one about unfinished uploads remove nothing."""
    assert expire_objects(WRITTEN_AT.replace(year=2030)) == ["clones/0.zip"]


def test_an_object_that_is_written_again_is_young_again(backend: Any) -> None:
    """Which is how a run keeps the code of its clones."""
    write(backend, "clones/0.zip", WRITTEN_AT.replace(day=26))
    assert expire_objects(datetime(2026, 11, 28, 12, tzinfo=UTC)) == []
