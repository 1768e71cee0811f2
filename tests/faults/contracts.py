"""The account of the fault matrix keeps the contracts that the other stand-ins keep.

The world changes its process for good: ``test_world.py`` starts this file in one of its own.
"""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from tests.contracts.accounts import Account, AccountContract
from tests.contracts.stores import StoreContract
from tests.faults.world import TARGET, World
from tuner.aws.artifacts import Artifacts
from tuner.embedded.packing import pack_folder


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the world."""
    return tmp_path_factory.mktemp("world")


@pytest.fixture(scope="session")
def world(folder: Path) -> World:
    """One for all."""
    return World(folder)


@pytest.fixture
def store(world: World) -> Artifacts:
    """A bucket of the account."""
    name = f"bucket-{uuid.uuid4().hex[:8]}"
    world.client("s3").create_bucket(Bucket=name)
    return Artifacts(world.client("s3"), name)


class TestStore(StoreContract):
    """moto's S3, behind the seam."""


class TestAccount(AccountContract):
    """moto's Lambda, behind the seam, with functions that only report."""

    @pytest.fixture
    def account(self, world: World, store: Artifacts, folder: Path) -> Account:
        """With the function of the matrix."""
        return Account(world.client("lambda"), store, TARGET, pack_folder(folder / "target"))
