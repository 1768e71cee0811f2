"""What a SAM or CloudFormation template says of one Python function, for ``try --template``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tuner.cli.failures import UsageProblem
from tuner.cli.text_files import read_text

_FUNCTION_TYPES = ("AWS::Serverless::Function", "AWS::Lambda::Function")


@dataclass(frozen=True, slots=True)
class TemplateFunction:
    """One function of a template; ``None`` where the template does not say, or says it by a reference."""

    logical_id: str
    code_dir: Path | None
    handler: str | None
    memory_mb: int | None
    timeout_s: int | None
    environment: Mapping[str, str] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    """Environment variables whose values only AWS knows (references to other resources)."""
    has_layers: bool = False


def read_template_function(template: Path, logical_id: str | None) -> TemplateFunction:
    """Read one function of a template.

    References to parameters take the parameter's default. Other references
    cannot be known outside AWS and are listed, not guessed.

    Args:
        template: YAML or JSON, as SAM and CloudFormation read it.
        logical_id: Which function; may be left out where there is only one.

    Raises:
        UsageProblem: The file cannot be read, has no such function, or the
            function is not Python or is a container image.
    """
    document = _load(template)
    resources = document.get("Resources") or {}
    functions = {
        name: resource
        for name, resource in resources.items()
        if isinstance(resource, Mapping) and resource.get("Type") in _FUNCTION_TYPES
    }
    if not functions:
        raise UsageProblem(
            f"{template} has no Lambda function.", hint="Give the handler itself: path/to/app.py:handler."
        )
    listed = ", ".join(functions)
    if logical_id is None:
        if len(functions) > 1:
            raise UsageProblem(
                f"{template} has {len(functions)} functions.", hint=f"Name one with --function: {listed}."
            )
        logical_id = next(iter(functions))
    if logical_id not in functions:
        raise UsageProblem(f"{template} has no function {logical_id!r}.", hint=f"It has: {listed}.")
    resource = functions[logical_id]
    shared = ((document.get("Globals") or {}).get("Function") or {}) if "Serverless" in resource["Type"] else {}
    own = resource.get("Properties") or {}
    properties = {**shared, **own}
    variables = {**_variables(shared), **_variables(own)}
    parameters = {
        name: parameter["Default"]
        for name, parameter in (document.get("Parameters") or {}).items()
        if isinstance(parameter, Mapping) and "Default" in parameter
    }
    if properties.get("PackageType") == "Image" or properties.get("ImageUri"):
        raise UsageProblem(
            f"{logical_id} is a container image; `try` runs Python handlers from their source.",
            hint="Give the handler itself: path/to/app.py:handler.",
        )
    runtime = _plain(properties.get("Runtime"), parameters)
    if runtime is not None and not str(runtime).startswith("python"):
        raise UsageProblem(
            f"{logical_id} has the runtime {runtime}; `try` runs Python handlers only.",
            hint="Deploy the function and tune it in your account: lambda-tuner tune FUNCTION.",
        )
    plain = {name: _plain(value, parameters) for name, value in variables.items()}
    return TemplateFunction(
        logical_id=logical_id,
        code_dir=_code_dir(template, properties, parameters),
        handler=_text(_plain(properties.get("Handler"), parameters)),
        memory_mb=_whole(_plain(properties.get("MemorySize"), parameters)),
        timeout_s=_whole(_plain(properties.get("Timeout"), parameters)),
        environment={name: _environment_text(value) for name, value in plain.items() if value is not None},
        left_out=tuple(name for name, value in plain.items() if value is None),
        has_layers=bool(properties.get("Layers")),
    )


def _load(template: Path) -> Mapping[str, Any]:
    import yaml

    text = read_text(template, "--template", reads_utf16=False)
    try:
        document = json.loads(text) if text.lstrip()[:1] == "{" else yaml.load(text, Loader=_loader())  # noqa: S506
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UsageProblem(f"--template {template} is neither YAML nor JSON: {error}") from error
    if not isinstance(document, Mapping):
        raise UsageProblem(f"--template {template} is not a template: it has no Resources.")
    return document


def _loader() -> Any:
    """A loader that keeps dates, numbers and names as the texts that they are for CloudFormation.

    YAML 1.1 makes a date of 2012-10-17, 83 of 0123, and True of a variable
    that is called ON. Only the values true, yes, on and their like stay truth
    values: CloudFormation hands them on as "true".
    """
    import yaml
    from cfn_tools.yaml_loader import CfnYamlLoader

    kept = ("tag:yaml.org,2002:bool", "tag:yaml.org,2002:null", "tag:yaml.org,2002:merge")

    class Loader(CfnYamlLoader):  # type: ignore[misc]
        yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own name for it
            first: [row for row in rows if row[0] in kept]
            for first, rows in CfnYamlLoader.yaml_implicit_resolvers.items()
        }

        def compose_mapping_node(self, anchor: Any) -> Any:
            node = super().compose_mapping_node(anchor)
            for key, _ in node.value:
                if isinstance(key, yaml.ScalarNode) and key.tag == kept[0]:
                    key.tag = "tag:yaml.org,2002:str"
            return node

    return Loader


def _variables(properties: Mapping[str, Any]) -> Mapping[str, Any]:
    environment = properties.get("Environment")
    variables = environment.get("Variables") if isinstance(environment, Mapping) else None
    return variables if isinstance(variables, Mapping) else {}


def _plain(value: Any, parameters: Mapping[str, Any]) -> Any | None:
    """The value itself, or a parameter's default; ``None`` for what only AWS knows."""
    if isinstance(value, Mapping):
        return parameters.get(value["Ref"]) if set(value) == {"Ref"} else None
    return value if isinstance(value, str | int | float | bool) else None


def _code_dir(template: Path, properties: Mapping[str, Any], parameters: Mapping[str, Any]) -> Path | None:
    named = properties.get("CodeUri", properties.get("Code"))
    if named is None and "InlineCode" not in properties:
        named = "."
    text = _text(_plain(named, parameters))
    if text is None or text.startswith(("s3://", "https://")):
        return None
    folder = (template.parent / text).resolve()
    if not folder.is_dir():
        raise UsageProblem(f"--template {template} says that the code is in {text}, and {folder} is not a folder.")
    return folder


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _whole(value: Any) -> int | None:
    try:
        return None if value is None or isinstance(value, bool) else int(value)
    except ValueError:
        return None


def _environment_text(value: Any) -> str:
    """Lambda's variables are text; YAML's true is CloudFormation's "true"."""
    return str(value).lower() if isinstance(value, bool) else str(value)
