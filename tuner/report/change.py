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
    """How to make the recommended change; empty where there is none to make or the verdict does not carry it.

    A changed architecture is written out too; the code must then be built for
    it, which the renderers say.
    """
    recommended, current = document.get("recommended"), document.get("current")
    if not recommended or document.get("verdict") not in VERDICTS_TO_ACT_ON:
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
        name = shlex.quote(doc.function_name(document))
        command = f"aws lambda update-function-configuration --function-name {name} --memory-size {memory_mb}"
        if changed:
            command += (
                f"\naws lambda update-function-code --function-name {name} --architectures {architecture}"
                " --zip-file fileb://function.zip"
            )
        found.insert(0, Snippet("AWS CLI", command))
    return found


def architecture_changes(document: doc.Document) -> bool:
    """Whether the recommendation asks for another instruction set, and so for another build."""
    recommended, current = document.get("recommended"), document.get("current")
    return bool(recommended and current and recommended.get("architecture") != current.get("architecture"))
