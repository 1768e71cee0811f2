"""What a template says of a function once SAM's ``Globals``, parameters and mappings are worked out."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from tuner.embedded.deploy import DeploymentFailed


def function_properties(template: Mapping[str, Any], logical_id: str) -> dict[str, Any]:
    """Give a function's properties as SAM reads them: merged with ``Globals``, references resolved.

    A parameter has its default. What only AWS knows stays as it is written: a
    mapping such as ``{"Ref": "Table"}``.

    The short forms (``!Ref``) of *template*, of SAM or CloudFormation, are written out.

    Raises:
        DeploymentFailed: SAM cannot read the template; says why.
    """
    from samtranslator.intrinsics.actions import FindInMapAction
    from samtranslator.intrinsics.resolver import IntrinsicsResolver
    from samtranslator.model.exceptions import InvalidDocumentException
    from samtranslator.plugins.globals.globals import GlobalProperties

    resource = template["Resources"][logical_id]
    properties = copy.deepcopy(resource.get("Properties") or {})
    if resource["Type"] == "AWS::Serverless::Function":
        properties = GlobalProperties((template.get("Globals") or {}).get("Function") or {}).merge(properties)
    parameters = {
        name: parameter["Default"]
        for name, parameter in (template.get("Parameters") or {}).items()
        # A parameter of Systems Manager has the name as its default, not the value.
        if isinstance(parameter, Mapping)
        and "Default" in parameter
        and not str(parameter.get("Type")).startswith("AWS::SSM::")
    }
    mappings = IntrinsicsResolver(template.get("Mappings") or {}, {FindInMapAction.intrinsic_name: FindInMapAction()})
    try:
        resolved = IntrinsicsResolver(parameters).resolve_parameter_refs(properties)
        return dict(mappings.resolve_parameter_refs(resolved))
    except InvalidDocumentException as error:
        reasons = "; ".join(cause.message for cause in error.causes)
        raise DeploymentFailed(f"The template cannot be read: {reasons}", hint="Run sam validate.") from error
