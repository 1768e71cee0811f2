"""The change itself, in the words of the tool that deploys the function."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from tuner.core.answer.report import Answer, KnownRun
from tuner.core.answer.verdicts import facts_of
from tuner.report import document as doc


@dataclass(frozen=True, slots=True)
class Snippet:
    """A ready piece of configuration: for which *tool*, and its *text*."""

    tool: str
    text: str


def snippets(report: KnownRun) -> list[Snippet]:
    """How to make the recommended change; empty if there is none or the verdict does not carry it.

    A changed architecture is written out too; the code must then be built for it, which the renderers say.
    """
    if not isinstance(report, Answer) or not is_worth_making(report) or doc.keeps_another(report):
        return []
    current, recommended = report.current, report.recommended
    if doc.same(recommended, current) and current is not None and not current.assumed:
        return []
    memory_mb, architecture = recommended.candidate.memory_mb, recommended.candidate.architecture
    changed = architecture_changes(report)
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
    if report.where != "local":
        found.insert(0, Snippet("AWS CLI", _commands(report, memory_mb, architecture if changed else None)))
    return found


def is_worth_making(report: Answer) -> bool:
    """Whether the verdict carries a change, if one is worth it."""
    return facts_of(report.verdict).change == "if it is worth it"


def _commands(report: Answer, memory_mb: int, architecture: str | None) -> str:
    """Commands for a shell; an alias is moved too, as what was tuned is what it points to."""
    _, _, _, region, _, _, _, qualifier, *_ = [*(report.function_arn or "").split(":"), *[""] * 8]
    place = f" --region {shlex.quote(region)}" if region else ""
    name = f"--function-name {shlex.quote(doc.function_name(report))}{place}"
    wait = f"aws lambda wait function-updated-v2 {name}"
    lines = [f"aws lambda update-function-configuration {name} --memory-size {memory_mb}"]
    if architecture is not None:
        image = report.function is not None and not report.function.runtime
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


def patch_command(report: KnownRun) -> str:
    """The command that writes the change into a SAM or CloudFormation template; empty if there is none to make."""
    if not snippets(report):
        return ""
    parts = (report.function_arn or "").split(":")
    place = f" --region {shlex.quote(parts[3])}" if report.where != "local" and len(parts) > 3 else ""
    return f"lambda-tuner patch {shlex.quote(report.run_id)} --file template.yaml{place}"


def template_values(report: Answer) -> dict[str, str]:
    """What a SAM or CloudFormation template should say, by property."""
    size = report.recommended.candidate
    architecture = {"Architectures": size.architecture} if architecture_changes(report) else {}
    return {"MemorySize": str(size.memory_mb), **architecture}


def what_changes(report: Answer) -> str:
    """What of the function's configuration changes, in words."""
    return "memory size and architecture" if architecture_changes(report) else "the memory size"


def architecture_changes(report: KnownRun) -> bool:
    """Whether the recommendation asks for another instruction set, and so for another build."""
    current, recommended = doc.named(report, "current"), doc.named(report, "recommended")
    if current is None or recommended is None:
        return False
    return current.candidate.architecture != recommended.candidate.architecture
