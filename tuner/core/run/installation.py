"""Where a run takes place: what its installation is set to, and the machine if it is the user's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tuner.core.model import Architecture

_CALM_LOAD_SHARE = 0.75
"""A load above this share of the cores competes with what is measured."""


@dataclass(frozen=True, slots=True)
class Machine:
    """The user's own machine, which measures instead of AWS."""

    name: str
    """What distinguishes it from another one."""
    cores: int
    architecture: Architecture | None
    load: float
    """How many processes wanted a core in the last minute, before the run began."""

    @property
    def is_busy(self) -> bool:
        """Whether other work on it competes with what is measured."""
        return self.load > self.cores * _CALM_LOAD_SHARE


@dataclass(frozen=True, slots=True)
class Installation:
    """Lambda Tuner as it is deployed, in an account or on the user's machine."""

    account: str
    region: str
    memory_cap_mb: int
    """The largest size that can be measured here."""
    clone_log_group: str
    processor_functions: tuple[str, ...] = ()
    """ARNs that ``preProcessorARN`` and ``postProcessorARN`` may name: the template's parameter."""
    machine: Machine | None = None
    """``None``: AWS measures."""

    @property
    def where(self) -> Literal["aws", "local"]:
        """What measures."""
        return "aws" if self.machine is None else "local"
