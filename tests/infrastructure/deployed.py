"""The application as it is deployed: the transformed template with values in place of its functions.

Only what template.yaml uses is resolved; anything else is an error, so that a
test never passes because a value was not understood.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).resolve().parents[2]
REGION, ACCOUNT, STACK = "us-east-1", "123456789012", "lambda-tuner"
NO_VALUE = object()

MACHINES = ("tune", "restore", "nightly")

EVERYTHING_SET = {
    "CodeObjects": f"arn:aws:s3:::packages-{ACCOUNT}/functions/*",
    "PayloadObjects": f"arn:aws:s3:::payloads-{ACCOUNT}/*",
    "ProcessorFunctions": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:make-tables",
    "PermissionsBoundaryArn": f"arn:aws:iam::{ACCOUNT}:policy/boundary",
    "ArtifactKeyArn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/0",
    "CloneLogKeyArn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1",
    "CloneTags": "env=prod,team=shop",
    "AlarmTopicArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:alarms",
}
"""Parameters that switch every optional part on."""


@cache
def template_text() -> str:
    """Read template.yaml."""
    return (ROOT / "template.yaml").read_text(encoding="utf-8")


@cache
def _transformed() -> dict[str, Any]:
    template = yaml_parse(template_text())
    template["Globals"]["Function"]["CodeUri"] = "s3://packages/package.zip"
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::StateMachine":
            resource["Properties"]["DefinitionUri"] = f"s3://packages/{resource['Properties']['DefinitionUri']}"
    # The template names none of AWS's managed policies, so the translator needs no list of them.
    translator = Translator({}, Parser(), boto_session=boto3.Session(region_name=REGION))
    return dict(translator.translate(template, {}))


def transformed() -> dict[str, Any]:
    """Give the CloudFormation template that SAM makes of template.yaml."""
    return copy.deepcopy(_transformed())


def definition(machine: str) -> dict[str, Any]:
    """Read one state machine's definition, substitutions not made."""
    return dict(json.loads((ROOT / "state_machine" / f"{machine}.asl.json").read_text(encoding="utf-8")))


def states(machine: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give every state of a definition by name, those inside Map and Parallel too."""
    for name, state in machine["States"].items():
        yield name, state
        inner = [state[key] for key in ("ItemProcessor", "Iterator") if key in state]
        for one in [*inner, *state.get("Branches", [])]:
            yield from states(one)


class Deployed:
    """The resources of one deployment, with every reference resolved.

    Args:
        parameters: Values that differ from the template's defaults.
        stack: The stack's name.
    """

    def __init__(self, parameters: Mapping[str, str] | None = None, stack: str = STACK) -> None:
        self._template = transformed()
        self._pseudo = {
            "AWS::Partition": "aws",
            "AWS::Region": REGION,
            "AWS::AccountId": ACCOUNT,
            "AWS::StackName": stack,
            "AWS::URLSuffix": "amazonaws.com",
        }
        given = parameters or {}
        self.parameters = {
            name: self._typed(parameter, given.get(name, parameter["Default"]))
            for name, parameter in self._template["Parameters"].items()
        }
        present = {
            name: resource
            for name, resource in self._template["Resources"].items()
            if "Condition" not in resource or self._condition(resource["Condition"])
        }
        self._names = {name: self._physical_name(name, resource) for name, resource in present.items()}
        self.resources = {
            name: {**resource, "Properties": self.resolve(resource.get("Properties", {}))}
            for name, resource in present.items()
        }
        self.outputs = self.resolve(self._template["Outputs"])

    def of_type(self, kind: str) -> dict[str, dict[str, Any]]:
        """Give the properties of every resource of a type, by logical id."""
        return {name: each["Properties"] for name, each in self.resources.items() if each["Type"] == kind}

    @property
    def functions(self) -> dict[str, dict[str, Any]]:
        """The functions, by logical id."""
        return self.of_type("AWS::Lambda::Function")

    @property
    def roles(self) -> dict[str, dict[str, Any]]:
        """The roles, by logical id."""
        return self.of_type("AWS::IAM::Role")

    def statements(self, role: str) -> list[dict[str, Any]]:
        """Give a role's statements with ``Action`` and ``Resource`` as lists."""
        found = [one for policy in self.roles[role]["Policies"] for one in policy["PolicyDocument"]["Statement"]]
        return [{**one, "Action": _list(one["Action"]), "Resource": _list(one["Resource"])} for one in found]

    def resolve(self, value: Any) -> Any:
        """Put values in place of references and functions; what has none is left out."""
        if isinstance(value, list):
            return [one for one in map(self.resolve, value) if one is not NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((function, argument),) = value.items()
            match function:
                case "Ref":
                    return self._reference(argument)
                case "Fn::Sub":
                    return re.sub(r"\$\{([^}]+)\}", lambda found: str(self._reference(found[1])), argument)
                case "Fn::GetAtt":
                    return self._arn(argument)
                case "Fn::If":
                    return self.resolve(argument[1 if self._condition(argument[0]) else 2])
                case "Fn::Join":
                    return argument[0].join(map(str, self.resolve(argument[1])))
                case _ if function.startswith("Fn::"):
                    raise NotImplementedError(function)
        resolved = {key: self.resolve(one) for key, one in value.items()}
        return {key: one for key, one in resolved.items() if one is not NO_VALUE}

    def _condition(self, name: str) -> bool:
        ((function, argument),) = self._template["Conditions"][name].items()
        assert function == "Fn::Not", "conditions are written as 'is not empty'"
        left, right = self.resolve(argument[0]["Fn::Equals"])
        return bool(left != right)

    def _reference(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return NO_VALUE
        if name in self._pseudo:
            return self._pseudo[name]
        if name in self.parameters:
            return self.parameters[name]
        if self._template["Resources"][name]["Type"] == "AWS::StepFunctions::StateMachine":
            return f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{self._names[name]}"
        return self._names[name]

    def _arn(self, argument: list[str] | str) -> str:
        name, attribute = argument if isinstance(argument, list) else argument.split(".")
        assert attribute == "Arn"
        physical = self._names[name]
        match self._template["Resources"][name]["Type"]:
            case "AWS::IAM::Role":
                return f"arn:aws:iam::{ACCOUNT}:role/{physical}"
            case "AWS::Lambda::Function":
                return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{physical}"
            case "AWS::Logs::LogGroup":
                return f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{physical}:*"
            case kind:
                raise NotImplementedError(kind)

    def _physical_name(self, logical: str, resource: Mapping[str, Any]) -> str:
        properties = resource.get("Properties", {})
        for key in ("FunctionName", "LogGroupName", "StateMachineName", "BucketName", "Name"):
            if key in properties:
                return str(self.resolve(properties[key]))
        return f"{self._pseudo['AWS::StackName']}-{logical}"

    @staticmethod
    def _typed(parameter: Mapping[str, Any], value: Any) -> Any:
        return str(value).split(",") if parameter["Type"] == "CommaDelimitedList" else value


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
