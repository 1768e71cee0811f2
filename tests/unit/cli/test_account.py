"""Which account a command means, before AWS is asked anything."""

from __future__ import annotations

import pytest

from tuner.cli.account import account_names
from tuner.cli.failures import UsageProblem
from tuner.cli.flags import AccountFlags
from tuner.cli.local import require_local

ARN = "arn:aws:states:eu-west-1:123456789012:stateMachine:mine-tune"


@pytest.mark.parametrize(
    ("region", "stack", "sentence"),
    [("us-east-1", None, "--region us-east-1 contradicts"), (None, "other", "--stack other contradicts")],
)
def test_flags_that_contradict_the_state_machine_are_refused(
    region: str | None, stack: str | None, sentence: str
) -> None:
    """The ARN names Region and stack; a flag that says otherwise is refused."""
    with pytest.raises(UsageProblem, match=sentence):
        account_names(AccountFlags(region, stack=stack, state_machine=ARN))


@pytest.mark.parametrize(
    "text", ["", "mine-tune", ARN.removesuffix("-tune"), ARN.replace("stateMachine", "execution") + ":run", ARN + ":1"]
)
def test_what_is_no_state_machine_is_refused_with_the_form_of_one(text: str) -> None:
    """An ARN of something else is refused and the hint shows one."""
    with pytest.raises(UsageProblem, match="not the ARN") as caught:
        account_names(AccountFlags(state_machine=text))
    assert "stateMachine:lambda-tuner-tune" in caught.value.hint


@pytest.mark.parametrize(
    ("stack", "region", "problem"),
    [
        ("LambdaTuner", "eu-west-1", "S3 takes no capital letters"),
        ("a-tuner-of-26-characters-ok", "ap-southeast-2", "that leaves 25 for the stack in ap-southeast-2"),
    ],
)
def test_a_stack_that_cannot_be_is_refused_by_the_reason(
    stack: str, region: str, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its bucket could not be made: nothing is asked for under such a name, and nobody is told to deploy it."""
    caller = {"Account": "123456789012", "Arn": "arn:aws:iam::123456789012:user/me"}
    monkeypatch.setattr("tuner.cli.account._caller", lambda sts: caller)
    with pytest.raises(UsageProblem, match=problem):
        account_names(AccountFlags(region, stack=stack))
    assert account_names(AccountFlags(region, stack="tuner")).bucket == f"tuner-artifacts-123456789012-{region}"


def test_windows_is_told_about_wsl() -> None:
    """Where the embedded AWS cannot run, a sentence says where it can."""
    with pytest.raises(UsageProblem, match="WSL"):
        require_local("win32")
    require_local("linux")
    require_local("darwin")
