"""The embedded AWS keeps the contracts that the stand-ins of the unit tests keep."""

from __future__ import annotations

import pytest

from tests.contracts import accounts
from tests.contracts.stores import StoreContract
from tests.integration.embedded.conftest import Account, code_archive
from tuner.aws.artifacts import Artifacts


@pytest.fixture
def store(account: Account) -> Artifacts:
    """A bucket of the account."""
    return Artifacts(account.client("s3"), account.bucket())


class TestStore(StoreContract):
    """moto's S3, with its patches."""


class TestAccount(accounts.AccountContract):
    """moto's Lambda, with its patches, running real processes."""

    @pytest.fixture
    def account(self, account: Account, store: Artifacts) -> accounts.Account:
        """With one function."""
        package = code_archive("def handler(event, context): ...\n")
        target = account.function(Code={"ZipFile": package}, Architectures=["x86_64"])
        return accounts.Account(account.client("lambda"), store, target, package)
