"""Where the application that is deployed lies: template, state machines and examples."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from tuner.core.errors import TunerError


class ApplicationMissing(TunerError):
    """The installed package does not carry its template."""


@cache
def application_root() -> Path:
    """Find the folder that holds ``template.yaml``, ``state_machine/`` and ``examples/``.

    In a checkout these lie beside the package; a wheel carries them inside it
    as ``tuner/_application/``.

    Raises:
        ApplicationMissing: Neither place has a template: the installation is broken.
    """
    package = Path(__file__).resolve().parent
    for root in (package.parent, package / "_application"):
        if (root / "template.yaml").is_file() and (root / "state_machine").is_dir():
            return root
    raise ApplicationMissing(
        f"The application's template.yaml is neither beside {package} nor inside it.",
        hint="Install lambda-tuner again: pipx reinstall lambda-tuner.",
    )
