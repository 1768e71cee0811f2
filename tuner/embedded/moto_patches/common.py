"""What the patches of several services share."""

from __future__ import annotations

import contextlib
import functools
import inspect
import sys
from collections.abc import Callable, Mapping
from typing import Any


def replaces(owner: Any) -> Callable[[Callable[..., Any]], None]:
    """Put the decorated function in place of *owner*'s of that name, which it gets as its first argument."""

    def put(replacement: Callable[..., Any]) -> None:
        name = replacement.__name__
        found = inspect.getattr_static(owner, name)
        original = found.__func__ if isinstance(found, classmethod) else found

        @functools.wraps(original)
        def patched(*arguments: Any, **named: Any) -> Any:
            return replacement(original, *arguments, **named)

        setattr(owner, name, classmethod(patched) if isinstance(found, classmethod) else patched)

    return put


def replace_everywhere(name: str, original: Any, replacement: Any) -> None:
    """Replace what moto's interpreter modules have imported by its name."""
    for module in list(sys.modules.values()):
        if (
            getattr(module, "__name__", "").startswith("moto.stepfunctions.")
            and getattr(module, name, None) is original
        ):
            setattr(module, name, replacement)


def add_resource(
    resource_type: str,
    backends: Any,
    create: Callable[[Any, str, Mapping[str, Any]], str],
    delete: Callable[[Any, str, Mapping[str, Any]], None],
    update: Callable[[Any, str, Mapping[str, Any]], str] | None = None,
    *,
    name_property: str | None = "Name",
) -> None:
    """Teach moto's CloudFormation a type of resource; *create* and *update* return its ARN."""
    from moto.cloudformation import parsing
    from moto.core.common_models import CloudFormationModel

    def backend_of(account_id: str, region_name: str) -> Any:
        account = backends[account_id]
        return account[region_name] if region_name in account else account["aws"]

    class AddedResource(CloudFormationModel):  # type: ignore[misc]
        def __init__(self, name: str, arn: str) -> None:
            self.name, self.arn = name, arn

        @property
        def physical_resource_id(self) -> str:
            return self.name

        @staticmethod
        def cloudformation_name_type() -> str | None:
            return name_property

        @staticmethod
        def cloudformation_type() -> str:
            return resource_type

        @classmethod
        def has_cfn_attr(cls, attr: str) -> bool:
            return attr == "Arn"

        def get_cfn_attribute(self, attribute_name: str) -> str:
            return self.arn

        @classmethod
        def create_from_cloudformation_json(
            cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **kwargs: Any
        ) -> Any:
            backend = backend_of(account_id, region_name)
            return cls(resource_name, create(backend, resource_name, cloudformation_json["Properties"]))

        @classmethod
        def update_from_cloudformation_json(
            cls, original_resource: Any, cloudformation_json: Any, account_id: str, region_name: str, **_: Any
        ) -> Any:
            backend, name = backend_of(account_id, region_name), original_resource.name
            (update or create)(backend, name, cloudformation_json["Properties"])
            return original_resource

        @classmethod
        def delete_from_cloudformation_json(
            cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str
        ) -> None:
            with contextlib.suppress(Exception):  # what is gone already is deleted
                delete(backend_of(account_id, region_name), resource_name, cloudformation_json["Properties"])

    ADDED_RESOURCES.append(AddedResource)
    for cached in (parsing.get_model_list, parsing.get_model_map, parsing.get_name_type_map):
        cached.cache_clear()


ADDED_RESOURCES: list[Any] = []
"""Keeps the classes alive: moto finds its models among the subclasses that exist."""
