"""Every patch of moto 5.2.5, in one place, so that the rest of the product need not know of any.

``apply`` puts them all on; it runs once, in the server's process, before the
first request. Each patch is a function whose docstring says what moto does
instead of AWS, in the module of its service.
``tests/integration/embedded/test_moto_patches.py`` shows for each that it
works, and that moto without it is still wrong: when moto does it right by
itself, that test fails and the patch here can go.
"""

from __future__ import annotations

from collections.abc import Callable

from tuner.embedded.moto_patches import awslambda, cloudformation, events, start, stepfunctions, storage
from tuner.embedded.moto_patches.hooks import Hooks

PATCHES: tuple[Callable[[Hooks], None], ...] = tuple(
    patch
    for module in (start, awslambda, cloudformation, stepfunctions, events, storage)
    for name, patch in vars(module).items()
    if name.startswith("patch_")
)
"""In the order in which they stand; what starts moto comes first."""


def apply(hooks: Hooks) -> None:
    """Put on every patch. To be called once in a process."""
    for patch in PATCHES:
        patch(hooks)


__all__ = ["PATCHES", "Hooks", "apply"]
