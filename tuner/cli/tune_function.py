"""``tune`` and the other commands that know an AWS account: which one, and whether the user agrees."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tuner.aws.artifacts import Artifacts
from tuner.cli.account import Account, deployed_account, embedded_account
from tuner.cli.execute import Presentation, confirm_side_effects, execute, prepare_out
from tuner.cli.flags import AccountFlags
from tuner.cli.local import bucket_of_store, local_aws
from tuner.cli.options import build_request
from tuner.cli.settings import Subject
from tuner.cli.store import ArtifactReader, FolderArtifacts
from tuner.core.errors import FunctionNotFound

if TYPE_CHECKING:
    from tuner.embedded.account import EmbeddedAws


def run_tune(
    function: str, asked: Mapping[str, Any], where: AccountFlags, presentation: Presentation, *, yes: bool
) -> int:
    """Tune a deployed function and give the exit code.

    Raises:
        InvalidRequest: Lists every problem of the flags; nothing was started.
        NotDeployed: The application is not there; says how to deploy it.
        NotConfirmed: The user has not agreed.
    """
    request = build_request(function, asked, local=where.local)
    prepare_out(presentation.out)
    with account_of(function, where, quiet=presentation.quiet) as account:
        if not where.local:
            confirm_side_effects(function, request, account.name, yes=yes)
        folder = bucket_of_store() if where.local else None
        return execute(account, function, request, presentation, bucket_folder=folder)


@contextmanager
def account_of(function: str, where: AccountFlags, *, quiet: bool) -> Iterator[Account]:
    """The deployed application, or the embedded AWS, which has *function* if it is an example."""
    if not where.local:
        yield deployed_account(where)
        return
    with local_aws(function=_name_of(function), quiet=quiet) as aws:
        offer_examples(aws, function)
        yield embedded_account(aws)


def subject_of(function: str) -> Subject:
    """What a table of ``lambda-tuner.toml`` may call the function: as it was typed, or its name alone."""
    return Subject((function, _name_of(function)))


def _name_of(function: str) -> str:
    from tuner.core.function.function_reference import read_function_reference

    reference, _ = read_function_reference(function)
    return reference.name if reference else function


def offer_examples(aws: EmbeddedAws, function: str) -> None:
    """Put the example that *function* names on an embedded AWS that has it not yet.

    Raises:
        FunctionNotFound: It is no example, and the embedded AWS has no such function.
    """
    from tuner.cli.examples import demo_memory_mb, deploy_example, examples
    from tuner.core.function.function_reference import read_function_reference
    from tuner.embedded.account import client
    from tuner.embedded.identity import memory_cap_mb

    reference, _ = read_function_reference(function)
    functions = client(aws, "lambda")
    try:
        functions.get_function_configuration(FunctionName=reference.name if reference else function)
    except functions.exceptions.ResourceNotFoundException as error:
        for example in examples():
            if reference and example.function_name == reference.name:
                deploy_example(aws, example, demo_memory_mb(example, memory_cap_mb()))
                return
        raise FunctionNotFound(
            f"The embedded AWS has no function {function}.",
            hint=f"It has the examples ({', '.join(example.function_name for example in examples())}). "
            "Create yours in it (`lambda-tuner local start` keeps it running), "
            "or give the handler itself: lambda-tuner try path/to/app.py:handler.",
        ) from error


def artifacts_of(where: AccountFlags) -> tuple[ArtifactReader, str]:
    """The artifacts to read and how a sentence names them: an account's where a flag names one, else the store's."""
    if not where.named:
        folder = bucket_of_store()
        return FolderArtifacts(folder), f"the store {folder}"
    account = deployed_account(where)
    return Artifacts(account.client("s3"), account.bucket), account.name
