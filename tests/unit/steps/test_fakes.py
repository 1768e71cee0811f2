"""The stand-ins of these tests keep the contracts that the embedded AWS keeps."""

from __future__ import annotations

import pytest

from tests.contracts.accounts import Account, AccountContract
from tests.contracts.stores import StoreContract
from tests.unit.steps.fakes import FakeLambda
from tuner.aws.artifacts import Artifacts


class TestFakeS3(StoreContract):
    """Objects in a dict."""

    @pytest.fixture
    def store(self) -> Artifacts:
        """A bucket."""
        return Artifacts(FakeLambda().s3, "bucket")


class TestFakeLambda(AccountContract):
    """Functions in a dict."""

    @pytest.fixture
    def account(self) -> Account:
        """With one function."""
        fake = FakeLambda()
        fake.add("theirs")
        return Account(fake, Artifacts(fake.s3, "bucket"), "theirs", b"code")
