"""Patches of moto's EventBridge and Scheduler."""

from __future__ import annotations

import contextlib
import copy
import logging
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tuner.embedded.moto_patches.common import add_resource, replaces
from tuner.embedded.moto_patches.hooks import Hooks
from tuner.embedded.schedule_expression import InvalidSchedule, check_schedule

LOG = logging.getLogger(__name__)


def emit_event(event: dict[str, Any]) -> None:
    """Give an event of an AWS service to the rules of the default bus; never fails."""
    from moto.events.models import events_backends

    bus = events_backends[event["account"]][event["region"]].event_buses["default"]
    for rule in list(bus.rules.values()):
        try:
            if rule.event_pattern.get_pattern():
                rule.send_to_targets(copy.deepcopy(event))
        except Exception:
            LOG.exception("an event of %s did not reach the rule %s", event["source"], rule.name)


def patch_event_targets(hooks: Hooks) -> None:
    """Deliver events to Lambda and Step Functions: moto answers such a rule's event with 500."""
    from moto.events.models import Rule

    ours = re.compile(r"arn:[^:]+:(lambda|states):")

    @replaces(Rule)
    def send_to_targets(original: Any, self: Any, original_event: Any, transform_input: bool = True) -> None:
        if self.state != "ENABLED" or not self.event_pattern.matches_event(original_event):
            return
        for target in list(self.targets):
            if ours.match(target["Arn"]):
                hooks.deliver(target, original_event)
        rest = [target for target in self.targets if not ours.match(target["Arn"])]
        if rest:
            others = copy.copy(self)
            others.targets = rest
            moment = original_event["time"]  # moto's own targets want seconds
            seconds = datetime.fromisoformat(moment).timestamp() if isinstance(moment, str) else moment
            with contextlib.suppress(NotImplementedError):
                original(others, {"ingestion-time": seconds, **original_event, "time": seconds}, transform_input)


def patch_schedules(hooks: Hooks) -> None:
    """Create schedules and their groups from a template; refuse an unknown group and an expression that AWS refuses.

    moto's CloudFormation skips both with a warning; its API answers 500 for
    an unknown group, and takes any text for an expression.
    """
    from botocore import xform_name
    from moto.events.exceptions import ValidationException as RuleRefused
    from moto.events.models import EventsBackend
    from moto.scheduler.exceptions import ScheduleGroupNotFound, ValidationException
    from moto.scheduler.models import EventBridgeSchedulerBackend, scheduler_backends

    def refuse_wrong_expression(settings: Mapping[str, Any]) -> None:
        expression = str(settings["schedule_expression"])
        try:
            check_schedule(expression, settings.get("schedule_expression_timezone"))
        except InvalidSchedule as error:
            raise ValidationException(f"Invalid Schedule Expression {expression}.") from error

    @replaces(EventBridgeSchedulerBackend)
    def create_schedule(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
        group = kwargs.get("group_name") or "default"
        if group not in self.schedule_groups:
            raise ScheduleGroupNotFound(group)
        refuse_wrong_expression(kwargs)
        return original(self, *args, **kwargs)

    @replaces(EventBridgeSchedulerBackend)
    def update_schedule(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
        refuse_wrong_expression(kwargs)
        return original(self, *args, **kwargs)

    @replaces(EventsBackend)
    def put_rule(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
        expression = kwargs.get("scheduled_expression")
        if expression:
            try:
                check_schedule(expression)
            except InvalidSchedule as error:
                raise RuleRefused("Parameter ScheduleExpression is not valid.") from error
        return original(self, *args, **kwargs)

    names = ("Description", "StartDate", "EndDate", "FlexibleTimeWindow", "GroupName", "KmsKeyArn", "State", "Target",
             "ScheduleExpression", "ScheduleExpressionTimezone")  # fmt: skip

    def settings_of(properties: Mapping[str, Any]) -> dict[str, Any]:
        return {xform_name(name): properties.get(name) for name in names}

    def create(backends: Any, name: str, properties: Mapping[str, Any]) -> str:
        return str(backends.create_schedule(name=name, action_after_completion=None, **settings_of(properties)).arn)

    def update(backends: Any, name: str, properties: Mapping[str, Any]) -> str:
        return str(backends.update_schedule(name=name, **settings_of(properties)).arn)

    def delete(backends: Any, name: str, properties: Mapping[str, Any]) -> None:
        backends.delete_schedule(properties.get("GroupName"), name)

    add_resource("AWS::Scheduler::Schedule", scheduler_backends, create, delete, update)
    add_resource(
        "AWS::Scheduler::ScheduleGroup",
        scheduler_backends,
        lambda backend, name, properties: str(backend.create_schedule_group(name, properties.get("Tags") or []).arn),
        lambda backend, name, _: backend.delete_schedule_group(name),
    )
