"""Bring events and due schedules to their targets: Lambda functions and state machines."""

from __future__ import annotations

import json
import logging
import re
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tuner.embedded.moto_account import ScheduledTarget
from tuner.embedded.schedule_expression import InvalidSchedule, is_due

LOG = logging.getLogger(__name__)

_ATTEMPTS = 3


Clients = Callable[[str], Any]
"""Makes boto3 clients of the embedded account."""


class EventDelivery:
    """Delivers in the background, so that whoever caused the event does not wait; tries three times."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._workers = ThreadPoolExecutor(max_workers=4, thread_name_prefix="event-delivery")

    def deliver(self, target: Mapping[str, Any], event: Mapping[str, Any]) -> None:
        """Send an event to an EventBridge rule's target, through its input transformation."""
        self.send(str(target["Arn"]), transformed_input(target, event), origin=str(event.get("detail-type")))

    def send(self, arn: str, payload: str, *, origin: str) -> None:
        """Start the state machine or invoke the function of an ARN with a payload (JSON text)."""
        try:
            self._workers.submit(self._send, arn, payload, origin)
        except RuntimeError:
            LOG.info("%s came too late for %s: the server ends", origin, arn)

    def close(self) -> None:
        """Take no further events; those on their way are dropped."""
        self._workers.shutdown(wait=False, cancel_futures=True)

    def _send(self, arn: str, payload: str, origin: str) -> None:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                if ":states:" in arn:
                    self._clients("stepfunctions").start_execution(stateMachineArn=arn, input=payload)
                else:
                    self._clients("lambda").invoke(FunctionName=arn, InvocationType="Event", Payload=payload.encode())
            except Exception as error:  # noqa: BLE001 - a target that fails must not stop the other deliveries
                LOG.warning("%s did not reach %s (attempt %d of %d): %s", origin, arn, attempt, _ATTEMPTS, error)
                time.sleep(0.2 * attempt)
            else:
                LOG.info("%s reached %s", origin, arn)
                return


def transformed_input(target: Mapping[str, Any], event: Mapping[str, Any]) -> str:
    """Word an event for its target as the rule asks: Input, InputPath, InputTransformer, or the event itself.

    In a template ``<name>`` inside a JSON string is replaced by the bare
    value, elsewhere by its JSON ("Amazon EventBridge input transformation").

    Example:
        >>> transformer = {"InputPathsMap": {"run": "$.detail.name"}, "InputTemplate": '{"runId": <run>}'}
        >>> transformed_input({"InputTransformer": transformer}, {"detail": {"name": "a"}})
        '{"runId": "a"}'
    """
    if target.get("Input") is not None:
        return str(target["Input"])
    public = {key: value for key, value in event.items() if key != "ingestion-time"}
    if isinstance(public.get("time"), int | float):
        public["time"] = datetime.fromtimestamp(public["time"], tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if target.get("InputPath"):
        return json.dumps(_select(public, str(target["InputPath"])))
    transformer = target.get("InputTransformer")
    if not transformer:
        return json.dumps(public)
    values = {name: _select(public, path) for name, path in (transformer.get("InputPathsMap") or {}).items()}
    values |= {"aws.events.event.json": public, "aws.events.event": public}
    return _fill_template(str(transformer["InputTemplate"]), values)


def _fill_template(template: str, values: Mapping[str, Any]) -> str:
    """Replace ``<name>``; what is filled into a quoted string is escaped to stay inside it."""
    parts: list[str] = []
    position, quoted = 0, False
    for found in re.finditer(r"<([\w.-]+)>", template):
        before = template[position : found.start()]
        quoted ^= len(re.findall(r'(?<!\\)"', before)) % 2 == 1
        parts.append(before)
        position = found.end()
        if found[1] not in values:
            parts.append(found[0])
            continue
        value = values[found[1]]
        text = json.dumps(value)
        if quoted:
            text = text[1:-1] if isinstance(value, str) else json.dumps("" if value is None else text)[1:-1]
        parts.append(text)
    return "".join([*parts, template[position:]])


def _select(document: Any, path: str) -> Any:
    """Follow a simple JSONPath (``$.detail.name``, ``$.resources[0]``); ``None`` if it leads nowhere."""
    for name, index in re.findall(r"\.([\w-]+)|\[(\d+)\]", path):
        try:
            document = document[name] if name else document[int(index)]
        except (KeyError, IndexError, TypeError):
            return None
    return document


@dataclass(eq=False)
class ScheduleClock:
    """Fires due schedules; a thread of its own looks every second."""

    schedules: Callable[[], list[ScheduledTarget]]
    delivery: EventDelivery
    started_at: datetime
    finished: Callable[[str], None] = lambda _: None
    _refused: set[str] = field(default_factory=set)
    _stopping: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._checked_until = self.started_at

    def start(self) -> None:
        """Begin to look, in the background."""
        threading.Thread(target=self._run, name="schedule-clock", daemon=True).start()

    def close(self) -> None:
        """Fire nothing any more."""
        self._stopping.set()

    def _run(self) -> None:
        while not self._stopping.wait(1.0):
            try:
                self.fire_due(datetime.now(tz=UTC))
            except Exception:
                LOG.exception("schedules could not be looked at")

    def fire_due(self, now: datetime) -> int:
        """Send what became due since the last look; returns how many."""
        after, self._checked_until = self._checked_until, now
        count = 0
        for schedule in self.schedules():
            if self._is_due(schedule, max(after, schedule.created_at - timedelta(seconds=1)), now):
                self.delivery.send(str(schedule.target["Arn"]), _schedule_input(schedule, now), origin=schedule.arn)
                count += 1
                if schedule.expression.startswith("at("):
                    self.finished(schedule.arn)
        return count

    def _is_due(self, schedule: ScheduledTarget, after: datetime, now: datetime) -> bool:
        if (schedule.start_at and now < schedule.start_at) or (schedule.end_at and now > schedule.end_at):
            return False
        try:
            return is_due(
                schedule.expression,
                after=after,
                until=now,
                created_at=schedule.start_at or schedule.created_at,
                timezone=schedule.timezone,
            )
        except (InvalidSchedule, KeyError, ValueError) as error:  # zoneinfo's own error is a KeyError
            if schedule.arn not in self._refused:
                self._refused.add(schedule.arn)
                LOG.warning("the schedule %s is never fired: %s", schedule.arn, error)
            return False


def _schedule_input(schedule: ScheduledTarget, now: datetime) -> str:
    """Word what a schedule sends: its own input with the context attributes filled in, else AWS's default event."""
    moment = now.replace(second=0, microsecond=0).strftime("%Y-%m-%dT%H:%M:%SZ")
    execution_id = str(uuid.uuid4())
    is_rule = ":events:" in schedule.arn
    default = {
        "version": "0",
        "id": execution_id,
        "detail-type": "Scheduled Event",
        "source": "aws.events" if is_rule else "aws.scheduler",
        "account": schedule.arn.split(":")[4],
        "time": moment,
        "region": schedule.arn.split(":")[3],
        "resources": [schedule.arn],
        "detail": {} if is_rule else "{}",
    }
    if is_rule:
        return transformed_input(schedule.target, default)
    text = schedule.target.get("Input")
    if text is None:
        return json.dumps(default)
    for name, value in {
        "schedule-arn": schedule.arn,
        "scheduled-time": moment,
        "execution-id": execution_id,
        "attempt-number": "1",
    }.items():
        text = text.replace(f"<aws.scheduler.{name}>", value)
    return str(text)
