"""The change itself, in the words of the tool that deploys the function."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from tuner.report import document as doc

VERDICTS_TO_ACT_ON = frozenset({"GOAL_MET", "NO_GOAL"})


@dataclass(frozen=True, slots=True)
class Snippet:
    """A ready piece of configuration: for which *tool*, and its *text*."""

    tool: str
    text: str


def snippets(document: doc.Document) -> list[Snippet]:
    """How to make the recommended change; empty if there is none or the verdict does not carry it.

    A changed architecture is written out too; the code must then be built for
    it, which the renderers say.
    """
    recommended, current = document.get("recommended"), document.get("current")
    if not recommended or document.get("verdict") not in VERDICTS_TO_ACT_ON or doc.keeps_another(document):
        return []
    if doc.same_configuration(recommended, current) and not (current or {}).get("assumed"):
        return []
    memory_mb = int(recommended["memoryMb"])
    architecture = str(recommended["architecture"])
    changed = bool(current) and current is not None and current.get("architecture") != architecture
    sam = f"MemorySize: {memory_mb}" + (f"\nArchitectures: [{architecture}]" if changed else "")
    terraform = f"memory_size = {memory_mb}" + (f'\narchitectures = ["{architecture}"]' if changed else "")
    cdk = f"memorySize: {memory_mb}," + (
        f"\narchitecture: lambda.Architecture.{'ARM_64' if architecture == 'arm64' else 'X86_64'}," if changed else ""
    )
    serverless = f"memorySize: {memory_mb}" + (f"\narchitecture: {architecture}" if changed else "")
    found = [
        Snippet("SAM and CloudFormation", sam),
        Snippet("Terraform", terraform),
        Snippet("CDK", cdk),
        Snippet("Serverless Framework", serverless),
    ]
    if document.get("where") != "local":
        found.insert(0, Snippet("AWS CLI", _commands(document, memory_mb, architecture if changed else None)))
    return found


def _commands(document: doc.Document, memory_mb: int, architecture: str | None) -> str:
    """Commands for a shell; an alias is moved too, as what was tuned is what it points to."""
    _, _, _, region, _, _, _, qualifier, *_ = [*str(document.get("functionArn") or "").split(":"), *[""] * 8]
    place = f" --region {shlex.quote(region)}" if region else ""
    name = f"--function-name {shlex.quote(doc.function_name(document))}{place}"
    wait = f"aws lambda wait function-updated-v2 {name}"
    lines = [f"aws lambda update-function-configuration {name} --memory-size {memory_mb}"]
    if architecture is not None:
        image = not (document.get("function") or {"runtime": "known"}).get("runtime")
        code = "--image-uri IMAGE" if image else "--zip-file fileb://function.zip"
        lines += [wait, f"aws lambda update-function-code {name} --architectures {architecture} {code}"]
    if qualifier and qualifier != "$LATEST":
        # A version never changes; what calls a numbered one must be pointed to the new one by its owner.
        lines += [wait, f"aws lambda publish-version {name} --query Version --output text"]
        if not qualifier.isdecimal():
            alias = f"--name {shlex.quote(qualifier)}"
            lines[-1] = f"version=$({lines[-1]})"
            lines.append(f'aws lambda update-alias {name} {alias} --function-version "$version"')
    return "\n".join(lines)


def patch_command(document: doc.Document) -> str:
    """The command that writes the change into a SAM or CloudFormation template; empty where there is none to make."""
    if not snippets(document):
        return ""
    parts = str(document.get("functionArn") or "").split(":")
    place = f" --region {shlex.quote(parts[3])}" if document.get("where") != "local" and len(parts) > 3 else ""
    return f"lambda-tuner patch {shlex.quote(str(document.get('runId')))} --file template.yaml{place}"


def architecture_changes(document: doc.Document) -> bool:
    """Whether the recommendation asks for another instruction set, and so for another build."""
    recommended, current = document.get("recommended"), document.get("current")
    return bool(recommended and current and recommended.get("architecture") != current.get("architecture"))
