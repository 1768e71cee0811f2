"""What the server reads and writes in moto's memory beside the AWS API: logs, schedules, the bucket's content."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tuner.embedded.bucket_folder import IN_MEMORY_BYTES, BucketFolder, StoredContent, content_type
from tuner.embedded.host.model import LogLine
from tuner.embedded.identity import ACCOUNT_ID, ARTIFACT_BUCKET, CODE_BUCKET, REGION, interpreter_object


@dataclass(frozen=True)
class ScheduledTarget:
    """One enabled schedule or scheduled rule, as the clock needs it."""

    arn: str
    expression: str
    timezone: str
    created_at: datetime
    start_at: datetime | None
    end_at: datetime | None
    target: dict[str, Any]


def write_log(group: str, stream: str, lines: Sequence[LogLine]) -> None:
    """Put lines (milliseconds, message) into a log stream; group and stream are made if they are missing."""
    from moto.logs.models import logs_backends

    backend = logs_backends[ACCOUNT_ID][REGION]
    backend.ensure_log_group(group)
    if stream not in backend.groups[group].streams:
        backend.ensure_log_stream(group, stream)
    events = [
        {"timestamp": moment_ms, "message": message} for moment_ms, message in sorted(lines, key=lambda line: line[0])
    ]
    if events:
        backend.put_log_events(group, stream, events)


_PLATFORM_LINES = ("INIT_", "RESTORE_", "START RequestId: ", "END RequestId: ", "REPORT RequestId: ", '{"time":"')


def forget_output(group: str, stream: str) -> None:
    """Drop what a function printed; START, END and REPORT stay, which a run's numbers lead back to."""
    from moto.logs.models import logs_backends

    found = logs_backends[ACCOUNT_ID][REGION].groups.get(group)
    if found is not None and stream in found.streams:
        events = found.streams[stream].events
        events[:] = [event for event in events if event.message.startswith(_PLATFORM_LINES)]


def scheduled_targets() -> list[ScheduledTarget]:
    """List the enabled schedules of EventBridge Scheduler and the scheduled rules of EventBridge."""
    from moto.events.models import events_backends
    from moto.scheduler.models import scheduler_backends

    found = [
        ScheduledTarget(
            arn=schedule.arn,
            expression=schedule.schedule_expression,
            timezone=schedule.schedule_expression_timezone,
            created_at=datetime.fromtimestamp(schedule.creation_date, tz=UTC),
            start_at=_moment(schedule.start_date),
            end_at=_moment(schedule.end_date),
            target=schedule.target,
        )
        for group in list(scheduler_backends[ACCOUNT_ID][REGION].schedule_groups.values())
        for schedule in list(group.schedules.values())
        if schedule.state == "ENABLED"
    ]
    for bus in list(events_backends[ACCOUNT_ID][REGION].event_buses.values()):
        for rule in list(bus.rules.values()):
            if rule.state == "ENABLED" and rule.scheduled_expression:
                created = getattr(rule, "lambda_tuner_seen_at", None) or datetime.now(tz=UTC)
                rule.lambda_tuner_seen_at = created
                found.extend(
                    ScheduledTarget(rule.arn, rule.scheduled_expression, "UTC", created, None, None, target)
                    for target in list(rule.targets)
                )
    return found


def delete_schedule(arn: str) -> None:
    """Delete a schedule that asked to be deleted after its last run."""
    from moto.scheduler.models import scheduler_backends

    for group in scheduler_backends[ACCOUNT_ID][REGION].schedule_groups.values():
        for name, schedule in list(group.schedules.items()):
            if schedule.arn == arn and schedule.action_after_completion == "DELETE":
                del group.schedules[name]


def is_issued_key(access_key_id: str) -> bool:
    """Whether STS gave this key away for a role, or IAM made it for a user."""
    from moto.iam.models import iam_backends
    from moto.sts.models import sts_backends

    roles = sts_backends[ACCOUNT_ID]["aws"].assumed_roles
    return access_key_id in iam_backends[ACCOUNT_ID]["aws"].access_keys or any(
        role.access_key_id == access_key_id for role in list(roles)
    )


def chosen_interpreter(package_sha256: str) -> str | None:
    """Read which Python a package is to run under: an object beside the package, which the user's key alone writes."""
    from moto.s3.models import s3_backends

    bucket = s3_backends[ACCOUNT_ID]["aws"].buckets.get(CODE_BUCKET)
    record = bucket.keys.get(interpreter_object(package_sha256)) if bucket else None
    return None if record is None else record.value.decode()


def fill_bucket(folder: BucketFolder, name: str = ARTIFACT_BUCKET) -> int:
    """Put the folder's files into the bucket and return how many; their bytes are read when asked for."""
    from moto.s3.models import FakeKey, s3_backends

    bucket = s3_backends[ACCOUNT_ID]["aws"].buckets.get(name)
    if bucket is None:
        return 0
    count = 0
    for key in folder.all_keys():
        path = folder.path(key)
        record = FakeKey(key, b"", ACCOUNT_ID, REGION, bucket_name=name, version_id="null")
        record._value_buffer.close()  # noqa: SLF001 - moto offers no object that lies elsewhere
        record._value_buffer = StoredContent(path)  # noqa: SLF001
        status = path.stat()
        record.contentsize = status.st_size
        record.last_modified = datetime.fromtimestamp(status.st_mtime, tz=UTC).replace(tzinfo=None)
        record.set_metadata({"Content-Type": content_type(key)})
        bucket.keys.setlist(key, [record])
        count += 1
    return count


def keep_object(folder: BucketFolder, record: Any) -> None:
    """Write a new object of the bucket through to the folder, and drop a large one from memory.

    Raises:
        OSError: The disk is full, or may not be written.
    """
    content: bytes = record.value
    if folder.write(record.name, content) and len(content) > IN_MEMORY_BYTES:
        etag = record.etag  # taken before the bytes go
        assert etag
        record._value_buffer.close()  # noqa: SLF001
        record._value_buffer = StoredContent(folder.path(record.name))  # noqa: SLF001


def expire_objects(now: datetime) -> list[str]:
    """Remove what the life-cycle rules of the buckets let expire; gives the keys.

    To be called about once a day: S3, too, removes expired objects some time
    after they expire ("Expiring objects", Amazon S3 User Guide, seen 2026-11).
    """
    from moto.s3.models import s3_backends

    backend = s3_backends[ACCOUNT_ID]["aws"]
    expired = [
        (bucket.name, record.name)
        for bucket in list(backend.buckets.values())
        for record in list(bucket.keys.values())
        for rule in bucket.rules
        if rule.status == "Enabled" and rule.expiration_days and record.name.startswith(rule.prefix or "")
        if _expires_at(record.last_modified, int(rule.expiration_days)) <= now
    ]
    for bucket_name, key in expired:
        backend.delete_object(bucket_name, key)
    return [key for _, key in expired]


def _expires_at(written_at: datetime, days: int) -> datetime:
    """When an object expires: so many days after it was written, rounded up to the next midnight in UTC.

    "Lifecycle rules: Based on an object's age", Amazon S3 User Guide, seen 2026-11.
    """
    moment = written_at.replace(tzinfo=UTC) + timedelta(days=days)
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight if moment == midnight else midnight + timedelta(days=1)


def _moment(value: Any) -> datetime | None:
    if value in (None, ""):
        return None
    if isinstance(value, int | float):
        return datetime.fromtimestamp(value, tz=UTC)
    moment = datetime.fromisoformat(str(value))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
