"""What the embedded AWS and ``try`` need to know of a language, as Lambda runs it.

A runtime is a module beside this one and a line in ``tuner.embedded.runtimes``.
Nothing here or there imports what only the embedded AWS needs: the command
reads handlers before it knows whether that is installed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Protocol

from tuner.core.errors import TunerError


class InterpreterUnusable(TunerError):
    """The program that is to run a handler does not start, or is too old."""


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A program that can run handlers."""

    path: str
    runtime: str
    """Lambda's identifier of its version: ``python3.13``."""
    version: str
    program: str
    """The program itself, if what *path* names only chooses one, as pyenv's shims do; else *path*."""
    has_runtime_client: bool = False
    """Whether AWS's own runtime client is there."""
    paths: tuple[str, ...] = ()
    """What it needs to see of the file system to run, our runtime client included."""
    chosen_because: str = ""
    """Who named it, if the command did."""


@dataclass(frozen=True, slots=True)
class Imports:
    """What a handler imports, if its code begins at a certain folder."""

    missing: tuple[str, ...]
    """Neither in the folder nor in the interpreter."""
    misplaced: int
    """How many of the missing are found from another of the folders that were asked about."""
    modules: frozenset[Path]
    """The handler's own files."""


@dataclass(frozen=True, slots=True)
class Source:
    """What a handler's file says of itself, without running it."""

    problem: str = ""
    """Why it is not valid for this interpreter; empty if it is."""
    line: int | None = None
    names: frozenset[str] = frozenset()
    """Everything that it defines."""
    functions: tuple[str, ...] = ()
    """Those of its names that look like handlers, in their order."""
    may_have_more: bool = False
    """Whether it takes names from elsewhere that are not written in it."""
    imports: tuple[Imports, ...] = ()
    """For each of the folders at which its code may begin."""


class Runtime(Protocol):
    """One language of Lambda's managed runtimes."""

    language: str
    """As people call it: ``Python``."""
    family: str
    """How Lambda's identifiers of it begin: ``python``."""
    suffix: str
    """Of a file with a handler: ``.py``."""
    path_variable: str
    """The environment variable with folders that modules are found in: ``PYTHONPATH``."""

    # --- running ---

    def programs(self, environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        """Programs of the user's machine that may run a handler, the best first, each with why."""

    def interpreter(self, program: str | None) -> Interpreter:
        """Look at a program; ``None``: the one that runs if none was chosen.

        Raises:
            InterpreterUnusable: It is not there, does not start, or is too old.
        """

    def command(self, interpreter: Interpreter, handler: str, *, own_client: bool) -> list[str]:
        """The command of a worker: AWS's runtime client if the interpreter has it, else (or with *own_client*) ours."""

    def import_command(self, interpreter: Interpreter, handler: str) -> list[str]:
        """A command that loads the handler's module, and ends at once.

        If that fails it ends with another status than 0, and its last line is
        JSON: the error's type and its message.
        """

    def variables(self, *, writes_caches: bool) -> Mapping[str, str]:
        """Variables that each worker begins with, and that the function's own may replace."""

    def layer_folders(self, layers_dir: Path) -> list[Path]:
        """The folders of unpacked layers that Lambda adds to the path for modules."""

    # --- the user's source ---

    def handler_of(self, file: PurePath, function: str) -> str:
        """Lambda's name for a function of a file, which is relative to the root of the code."""

    def file_of(self, handler: str, root: Path) -> Path | None:
        """The file that Lambda's name for a handler means; ``None`` if there is none."""

    def read_source(self, program: str, file: Path, roots: Sequence[Path]) -> Source:
        """Let a program read a handler's source, whose code begins at one of *roots*: its grammar counts.

        Raises:
            InterpreterUnusable: It cannot.
        """

    def missing_of_lambda(self, program: str, missing: Sequence[str], layers: Sequence[Path]) -> str:
        """A sentence on what Lambda's runtime has of the *missing* imports, and this program has not; or nothing."""
