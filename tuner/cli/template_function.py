"""What a SAM or CloudFormation template says of one function, for ``try --template``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tuner.cli.failures import UsageProblem
from tuner.cli.text_files import read_text
from tuner.core.model import Architecture
from tuner.embedded.runtimes import RUNTIMES, languages, runtime_named

_FUNCTION_TYPES = ("AWS::Serverless::Function", "AWS::Lambda::Function")


@dataclass(frozen=True, slots=True)
class TemplateFunction:
    """One function of a template; ``None`` if the template does not say, or says it by a reference."""

    logical_id: str
    code_dir: Path | None
    handler: str | None
    runtime: str | None = None
    architecture: Architecture | None = None
    memory_mb: int | None = None
    timeout_s: int | None = None
    ephemeral_storage_mb: int | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    """Environment variables whose values only AWS knows (references to other resources)."""
    unknown: tuple[str, ...] = ()
    """Settings whose values only AWS knows."""
    layer_dirs: tuple[Path, ...] = ()
    """Folders of its layers that the template has, in its order."""
    other_layers: tuple[str, ...] = ()
    """Layers that cannot be read here."""


def read_template_function(template: Path, logical_id: str | None, *, needs_code: bool = True) -> TemplateFunction:
    """Read one function of a template, ``Globals`` merged in.

    References to parameters and mappings are worked out, with a parameter's
    default. Others cannot be known outside AWS and are listed, not guessed.

    Args:
        template: YAML or JSON, as SAM and CloudFormation read it.
        logical_id: Which function; may be left out where there is only one.
        needs_code: Refuse a function whose code is not a folder here; else its ``code_dir`` is ``None``.

    Raises:
        UsageProblem: The file cannot be read, has no such function, or the function is in no language that runs here,
            or is a container image.
        DeploymentFailed: SAM cannot read it.
    """
    from tuner.embedded.template_values import function_properties

    document = _load(template)
    resources = _mapping(template, document, "Resources")
    _mapping(template, _mapping(template, document, "Globals"), "Function", "Globals.Function")
    for name in ("Parameters", "Mappings"):
        _mapping(template, document, name)
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
    _mapping(template, functions[logical_id], "Properties", f"{logical_id}.Properties")
    properties = {name: _plain(value) for name, value in function_properties(document, logical_id).items()}
    if properties.get("PackageType") == "Image" or properties.get("ImageUri"):
        raise UsageProblem(
            f"{logical_id} is a container image; `try` runs {languages()} handlers from their source.",
            hint="Give the handler itself: path/to/app.py:handler.",
        )
    runtime = _text(properties.get("Runtime"))
    if runtime is not None and runtime_named(runtime) is None:
        raise UsageProblem(
            f"{logical_id} has the runtime {runtime}; `try` runs {languages()} handlers only.",
            hint="Deploy the function and tune it in your account: lambda-tuner tune FUNCTION.",
        )
    storage = properties.get("EphemeralStorage")
    environment = properties.get("Environment")
    variables = environment.get("Variables", {}) if isinstance(environment, Mapping) else None
    layer_dirs, other_layers = _layers(template, properties.get("Layers"), resources)
    known: dict[str, Any] = {
        "Handler": _text(properties.get("Handler")),
        "Runtime": runtime,
        "Architectures": _architecture(properties.get("Architectures")),
        "MemorySize": _whole(properties.get("MemorySize")),
        "Timeout": _whole(properties.get("Timeout")),
        "Environment": variables if isinstance(variables, Mapping) else None,
        "EphemeralStorage": _whole(storage.get("Size")) if isinstance(storage, Mapping) else None,
    }
    set_here = known["Environment"] or {}
    return TemplateFunction(
        logical_id=logical_id,
        code_dir=_code_dir(template, properties, needs_code=needs_code),
        handler=known["Handler"],
        runtime=runtime,
        architecture=known["Architectures"],
        memory_mb=known["MemorySize"],
        timeout_s=known["Timeout"],
        ephemeral_storage_mb=known["EphemeralStorage"],
        environment={name: _environment_text(value) for name, value in set_here.items() if value is not None},
        left_out=tuple(name for name, value in set_here.items() if value is None),
        unknown=tuple(name for name, value in known.items() if name in properties and value is None),
        layer_dirs=layer_dirs,
        other_layers=other_layers,
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


def _mapping(template: Path, holder: Mapping[str, Any], name: str, shown: str = "") -> Mapping[str, Any]:
    value = holder.get(name) or {}
    if not isinstance(value, Mapping):
        raise UsageProblem(
            f"--template {template}: {shown or name} must hold names and values.", hint="Run sam validate."
        )
    return value


def _loader() -> Any:
    """A loader that keeps dates, numbers and names as the texts that they are for CloudFormation.

    YAML 1.1 makes a date of 2012-10-17, 83 of 0123, and True of a variable that is called ON. Only the values true,
    yes, on and their like stay truth values: CloudFormation hands them on as "true".
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
            self.flatten_mapping(node)  # `<<`, which cfn_tools leaves as it is
            for key, _ in node.value:
                if isinstance(key, yaml.ScalarNode) and key.tag == kept[0]:
                    key.tag = "tag:yaml.org,2002:str"
            return node

    return Loader


def _plain(value: Any) -> Any | None:
    """The value without its references: ``None`` in the place of what only AWS knows."""
    if isinstance(value, Mapping):
        text = value.get("Fn::Sub") if len(value) == 1 else None
        if isinstance(text, str) and "${" not in text:
            return text
        if len(value) == 1 and next(iter(value)).startswith(("Ref", "Fn::")):
            return None
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, str) and "{{resolve:" in value:  # a dynamic reference: of Systems Manager or Secrets Manager
        return None
    return value


def _code_dir(template: Path, properties: Mapping[str, Any], *, needs_code: bool) -> Path | None:
    named = properties.get("CodeUri", properties.get("Code"))
    if "CodeUri" not in properties and "Code" not in properties and "InlineCode" not in properties:
        named = "."
    text = _text(named)
    if text is None or text.startswith(("s3://", "https://")):
        return None
    folder = (template.parent / text).resolve()
    if not folder.is_dir():
        if not needs_code:
            return None
        raise UsageProblem(
            f"--template {template} says that the code is in {text}, and {folder} is not a folder.",
            hint="If it is an archive, unpack it. Then name the folder with --code-root.",
        )
    return folder


def _layers(template: Path, layers: Any, resources: Mapping[str, Any]) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """The folders of layers that the template has itself, and the names of the others."""
    folders: list[Path] = []
    others: list[str] = []
    for layer in layers if isinstance(layers, list) else [layers] if layers else []:
        name = layer.get("Ref") if isinstance(layer, Mapping) else None
        resource = resources.get(name) if isinstance(name, str) else None
        properties = resource.get("Properties") if isinstance(resource, Mapping) else None
        content = properties.get("ContentUri", properties.get("Content")) if isinstance(properties, Mapping) else None
        folder = (template.parent / content).resolve() if isinstance(content, str) else None
        # `sam build` puts what has a BuildMethod into a folder such as `python`; before that it is no layer.
        unbuilt = isinstance(resource, Mapping) and "BuildMethod" in (resource.get("Metadata") or {})
        if folder is not None and folder.is_dir() and (not unbuilt or any(r.layer_folders(folder) for r in RUNTIMES)):
            folders.append(folder)
        else:
            shown = name or (layer.get("Fn::Sub") if isinstance(layer, Mapping) else layer)
            others.append(shown if isinstance(shown, str) else "one by reference")
    return tuple(folders), tuple(others)


def _architecture(value: Any) -> Architecture | None:
    last = value[-1] if isinstance(value, list) and value else None
    return last if last in ("x86_64", "arm64") else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _whole(value: Any) -> int | None:
    try:
        return None if value is None or isinstance(value, bool) else int(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _environment_text(value: Any) -> str:
    """Lambda's variables are text; YAML's true is CloudFormation's "true"."""
    return str(value).lower() if isinstance(value, bool) else str(value)
