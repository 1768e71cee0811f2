"""Patches of how moto starts."""

from __future__ import annotations

import sys
import types
from typing import Any

from tuner.embedded.moto_patches.hooks import Hooks


def patch_start(hooks: Hooks) -> None:
    """Load CloudFormation without EC2's catalogues and OpenAPI's validator.

    moto reads every instance type, its offerings and machine images, and
    botocore's largest service model for the names of Regions, as soon as its
    CloudFormation is imported: a third of the time and 50 MB at each start
    that nobody asks for.
    """
    import boto3
    from moto.utilities import utils

    original_load = utils.load_resource
    original_regions = boto3.Session.get_available_regions
    empty: dict[str, Any] = {"instance_types.json": {}, "amis.json": []}

    def load_resource(resource: str) -> Any:
        if "instance_type_offerings" in resource:
            return []
        return empty.get(resource.rpartition("/")[2]) if resource.startswith("ec2/") else original_load(resource)

    def get_available_regions(self: Any, service_name: str, *args: Any, **kwargs: Any) -> list[str]:
        if service_name == "ec2":
            return ["us-east-1"]
        regions: list[str] = original_regions(self, service_name, *args, **kwargs)
        return regions

    validator = types.ModuleType("openapi_spec_validator")  # API Gateway's, which no one makes here
    validator.validate = None  # type: ignore[attr-defined]
    exceptions = types.ModuleType("openapi_spec_validator.validation.exceptions")
    exceptions.OpenAPIValidationError = ValueError  # type: ignore[attr-defined]
    stand_ins = (validator, types.ModuleType("openapi_spec_validator.validation"), exceptions)
    utils.load_resource = load_resource
    boto3.Session.get_available_regions = get_available_regions  # type: ignore[method-assign]
    sys.modules.update({module.__name__: module for module in stand_ins})
    try:
        import moto.cloudformation.parsing  # noqa: F401 - the import is the point
    finally:
        utils.load_resource = original_load
        boto3.Session.get_available_regions = original_regions  # type: ignore[method-assign]
        for module in stand_ins:
            del sys.modules[module.__name__]


def patch_module_list(hooks: Hooks) -> None:
    """Read the list of moto's services once; moto reads its own folder twice at every request, all others waiting."""
    from moto import backends

    modules = tuple(backends.list_of_moto_modules())
    backends.list_of_moto_modules = lambda: modules
