"""The application as it is deployed, once with every default and once with every option."""

from __future__ import annotations

import pytest

from tests.infrastructure.deployed import EVERYTHING_SET, Deployed


@pytest.fixture(scope="session")
def by_default() -> Deployed:
    """The stack with no parameter given."""
    return Deployed()


@pytest.fixture(scope="session", params=["by default", "with every option"])
def deployed(request: pytest.FixtureRequest) -> Deployed:
    """The stack, in both forms."""
    return Deployed(EVERYTHING_SET if request.param == "with every option" else {})
