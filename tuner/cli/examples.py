"""The example functions that come with the product, and running one of them as a demo."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuner.application import application_root
from tuner.cli.failures import UsageProblem

if TYPE_CHECKING:
    from tuner.embedded.account import EmbeddedAws


@dataclass(frozen=True, slots=True)
class Example:
    """One example function, as ``examples/examples.json`` describes it."""

    name: str
    summary: str
    lesson: str
    handler: str
    memory_mb: int
    timeout_s: int
    goal: Mapping[str, float]
    code_dir: Path

    @property
    def function_name(self) -> str:
        """Its name on the embedded AWS."""
        return f"example-{self.name}"

    @property
    def event(self) -> Any:
        """The event that comes with it."""
        return json.loads((self.code_dir / "event.json").read_text(encoding="utf-8"))


def examples() -> list[Example]:
    """Every example, in the order of its list."""
    folder = application_root() / "examples"
    rows = json.loads((folder / "examples.json").read_text(encoding="utf-8"))["examples"]
    return [
        Example(
            name=row["name"],
            summary=row["summary"],
            lesson=row["lesson"],
            handler=row["handler"],
            memory_mb=row["memoryMb"],
            timeout_s=row["timeoutS"],
            goal=row["goal"],
            code_dir=folder / row["name"],
        )
        for row in rows
    ]


def example_named(name: str) -> Example:
    """One example.

    Raises:
        UsageProblem: There is none of this name; lists those there are.
    """
    known = examples()
    for example in known:
        if example.name == name.removeprefix("example-"):
            return example
    raise UsageProblem(
        f"There is no example named {name!r}.", hint=f"There are: {', '.join(example.name for example in known)}."
    )


def demo_memory_mb(example: Example, largest_mb: int) -> int:
    """The size that the example has "today": smaller if this machine cannot give so much CPU."""
    return min(example.memory_mb, largest_mb)


def deploy_examples(aws: EmbeddedAws) -> None:
    """Put every example on the embedded AWS as a function ``example-<name>``."""
    from tuner.embedded.identity import memory_cap_mb

    for example in examples():
        deploy_example(aws, example, demo_memory_mb(example, memory_cap_mb()))


def deploy_example(aws: EmbeddedAws, example: Example, memory_mb: int) -> str:
    """Put the example on the embedded AWS, over one that may be there; gives the function's name."""
    from tuner.embedded.account import deploy_function

    deploy_function(
        aws,
        name=example.function_name,
        code_dir=example.code_dir,
        handler=example.handler,
        memory_mb=memory_mb,
        timeout_s=example.timeout_s,
    )
    return example.function_name
