"""Links that a browser opens: the S3 console's for who has the account, a presigned one for everybody."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest

from tuner.aws.artifacts import Artifacts
from tuner.cli.account import Account, account_names
from tuner.cli.commands.report import check_link, show_link
from tuner.cli.failures import UsageProblem
from tuner.cli.flags import AccountFlags

KEY = "runs/run-1/report.html"


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """What signs; nobody is asked."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "example")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)


@pytest.mark.parametrize(
    ("region", "console"),
    [
        ("eu-central-1", "console.aws.amazon.com"),
        ("cn-north-1", "console.amazonaws.cn"),
        ("us-gov-west-1", "console.amazonaws-us-gov.com"),
    ],
)
def test_the_console_is_that_of_the_partition(region: str, console: str) -> None:
    """The address names the Region, the bucket and the object."""
    artifacts = Artifacts(boto3.client("s3", region_name=region), "bucket")
    assert artifacts.console_url(KEY) == f"https://{region}.{console}/s3/object/bucket?region={region}&prefix={KEY}"


def test_a_partition_without_a_known_console_has_no_link() -> None:
    """No address is made up."""
    assert Artifacts(boto3.client("s3", region_name="us-iso-east-1"), "bucket").console_url(KEY) is None


def test_a_bucket_in_a_folder_has_files_and_no_console(tmp_path: Path) -> None:
    """A run without an account names what is on this machine."""
    artifacts = Artifacts(boto3.client("s3", region_name="eu-central-1"), "bucket", folder=tmp_path)
    assert artifacts.place(KEY) == str(tmp_path / KEY)
    assert artifacts.console_url(KEY) is None
    assert Artifacts(None, "bucket").place(KEY) == f"s3://bucket/{KEY}"


def account_in(region: str, monkeypatch: pytest.MonkeyPatch) -> Account:
    """An account with one run that has a page."""
    caller = {"Account": "123456789012", "Arn": "arn:aws:iam::123456789012:user/me"}
    monkeypatch.setattr("tuner.cli.account._caller", lambda sts: caller)
    monkeypatch.setattr("tuner.cli.commands.report.find_run", lambda artifacts, wanted, where: "run-1")
    monkeypatch.setattr(Artifacts, "exists", lambda self, key: key == KEY)
    return account_names(AccountFlags(region))


@pytest.mark.parametrize("region", ["us-east-1", "us-gov-west-1", "ap-southeast-5"])
def test_a_link_is_the_regions_own_and_signed_as_kms_needs_it(
    region: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A new Region redirects the global host, and what a KMS key encrypts opens with version 4 alone."""
    show_link(account_in(region, monkeypatch), "latest", hours=1.5, json_output=False)
    captured = capsys.readouterr()
    link = urlsplit(captured.out.strip())
    asked = parse_qs(link.query)
    host = "s3.amazonaws.com" if region == "us-east-1" else f"s3.{region}.amazonaws.com"
    assert (link.scheme, link.path) == ("https", f"/{KEY}")
    assert link.hostname == f"lambda-tuner-artifacts-123456789012-{region}.{host}"
    assert (asked["X-Amz-Algorithm"], asked["X-Amz-Expires"]) == (["AWS4-HMAC-SHA256"], ["5400"])
    assert "Whoever has this link can read the report" in captured.err
    assert "1.5 hours" in captured.err


def test_json_has_the_link(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """And standard output nothing else."""
    show_link(account_in("eu-central-1", monkeypatch), "latest", hours=1, json_output=True)
    told = json.loads(capsys.readouterr().out)
    assert (told["runId"], told["holdsHours"]) == ("run-1", 1)
    assert told["link"].startswith("https://lambda-tuner-artifacts-123456789012-eu-central-1.s3.eu-central-1.")


@pytest.mark.parametrize("hours", [0.0, -1.0, 168.1, float("nan"), float("inf")])
def test_no_link_holds_for_ever(hours: float) -> None:
    """Seven days are the most; refused before AWS is asked anything."""
    with pytest.raises(UsageProblem, match="up to 168 hours"):
        check_link(AccountFlags("eu-central-1"), "latest", hours)


def test_a_run_of_this_machine_has_no_link() -> None:
    """Its report is a file already."""
    with pytest.raises(UsageProblem, match="for a run in an account") as caught:
        check_link(AccountFlags(), "latest", 1)
    assert "lambda-tuner open latest" in caught.value.hint
