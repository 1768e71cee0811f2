"""What a user may write for "this function": a name, an ARN, or either with a version or alias."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tuner.core.errors import FunctionNotFound, InvalidRequest

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_QUALIFIER = re.compile(r"\$LATEST|[A-Za-z0-9_-]{1,128}", re.ASCII)
_ACCOUNT = re.compile(r"[0-9]{12}", re.ASCII)
_REGION = re.compile(r"[a-z]{2,4}(?:-[a-z]+)+-[0-9]{1,2}", re.ASCII)
_PARTITION = re.compile(r"aws(?:-[a-z]+)*", re.ASCII)

_EXPECTED = (
    "it must be a function's name, its ARN (arn:aws:lambda:eu-west-1:123456789012:function:my-function), "
    "or either followed by :version or :alias"
)


@dataclass(frozen=True, slots=True)
class FunctionReference:
    """One function, and which of its versions, as far as the user named it.

    ``region`` and ``account`` are ``None`` if the text held none: the
    caller's own are meant. ``qualifier`` is a version, an alias, ``$LATEST``
    or, if none was given, ``None``.
    """

    name: str
    qualifier: str | None = None
    region: str | None = None
    account: str | None = None
    partition: str = "aws"

    @property
    def qualified_name(self) -> str:
        """The name as a person writes it: ``resize:live``, or ``resize`` without a qualifier."""
        return f"{self.name}:{self.qualifier}" if self.qualifier else self.name

    def arn(self, *, region: str | None = None, account: str | None = None) -> str:
        """Write the full ARN, with the qualifier if there is one.

        *region* and *account* are taken if the reference names none.

        Raises:
            ValueError: Region or account are known from neither.
        """
        where, whose = self.region or region, self.account or account
        if not where or not whose:
            raise ValueError(f"the ARN of {self.qualified_name} needs a Region and an account")
        partition = self.partition if self.region else partition_of(where)
        return f"arn:{partition}:lambda:{where}:{whose}:function:{self.qualified_name}"


def partition_of(region: str) -> str:
    """Name the partition of a Region, the second part of every ARN in it.

    Example:
        >>> partition_of("cn-north-1"), partition_of("eu-west-1")
        ('aws-cn', 'aws')
    """
    # Source: partitions.json of botocore 1.44.5, seen 2026-11.
    for prefix, partition in (
        ("cn-", "aws-cn"),
        ("us-gov-", "aws-us-gov"),
        ("us-isob-", "aws-iso-b"),
        ("us-isof-", "aws-iso-f"),
        ("us-iso-", "aws-iso"),
        ("eu-isoe-", "aws-iso-e"),
        ("eusc-", "aws-eusc"),
    ):
        if region.startswith(prefix):
            return partition
    return "aws"


def parse_function_reference(
    text: str, *, own_region: str | None = None, own_account: str | None = None, field: str = "lambdaARN"
) -> FunctionReference:
    """Read a name, a partial ARN or an ARN, with or without a version or alias.

    *own_region* and *own_account* are the caller's, if they are known; *field* is how messages call the text.

    Raises:
        InvalidRequest: The text names no Lambda function; the sentence says why.
        FunctionNotFound: It names one in another Region or account than the caller's.

    Example:
        >>> parse_function_reference("resize:live")
        FunctionReference(name='resize', qualifier='live', region=None, account=None, partition='aws')
    """
    reference, problem = read_function_reference(text, field=field)
    if reference is None:
        raise InvalidRequest([problem])
    if own_region and reference.region and reference.region != own_region:
        raise FunctionNotFound(
            f'The function "{reference.name}" is in Region {reference.region}, and this run works in {own_region}.',
            hint=f"Start the state machine that is deployed in {reference.region}, or name a function of {own_region}.",
        )
    if own_account and reference.account and reference.account != own_account:
        raise FunctionNotFound(
            f'The function "{reference.name}" belongs to account {reference.account}, '
            f"and this run works in account {own_account}.",
            hint=f"Deploy into account {reference.account} to tune its functions; runs do not reach across accounts.",
        )
    return reference


def read_function_reference(text: str, *, field: str = "lambdaARN") -> tuple[FunctionReference | None, str]:
    """Read a reference, and ``""``; or give ``None`` and a clause that says what is wrong with the text."""

    def problem(clause: str) -> tuple[None, str]:
        return None, f"{field} {clause}"

    if not text or not text.strip():
        return problem(f"is empty: {_EXPECTED}")
    if text != text.strip() or any(character.isspace() or not character.isprintable() for character in text):
        return problem(f"{_shown(text)} holds white space or control characters: {_EXPECTED}")
    parts = text.split(":")
    partition, region, account = "aws", None, None
    if parts[0] == "arn":
        if len(parts) < 6:
            return problem(f"{_shown(text)} is cut off: {_EXPECTED}")
        partition, service, region, account = parts[1:5]
        if service != "lambda":
            return problem(f"{_shown(text)} is an ARN of {_service(service)}, not of a Lambda function: {_EXPECTED}")
        if not _PARTITION.fullmatch(partition):
            return problem(f'{_shown(text)} names the partition "{partition}", which does not exist: {_EXPECTED}')
        if not _REGION.fullmatch(region):
            return problem(f"{_shown(text)} names {_named('Region', region)}: {_EXPECTED}")
        if partition != partition_of(region):
            return problem(
                f'{_shown(text)} is not a valid ARN: Region {region} is in the partition "{partition_of(region)}"'
            )
        if not _ACCOUNT.fullmatch(account):
            return problem(f"{_shown(text)} names {_named('account', account)} (an account id has 12 digits)")
        kind, rest = parts[5], parts[6:]
        if kind == "layer":
            return problem(f"{_shown(text)} is the ARN of a layer, not of a function: {_EXPECTED}")
        if kind != "function":
            return problem(f"{_shown(text)} is the ARN of {_article(kind)}, not of a function: {_EXPECTED}")
    else:
        rest = parts
        if len(rest) > 2 and _REGION.fullmatch(rest[0]) and _ACCOUNT.fullmatch(rest[1]):
            region, rest = rest[0], rest[1:]
            partition = partition_of(region)
        if len(rest) > 1 and _ACCOUNT.fullmatch(rest[0]):  # as Lambda's own pattern of FunctionName reads it
            account, rest = rest[0], rest[1:]
        if rest[0] == "layer" and account:
            return problem(f"{_shown(text)} names a layer, not a function: {_EXPECTED}")
        if rest[0] == "function" and len(rest) > 1:
            rest = rest[1:]
    if not rest or not rest[0]:
        return problem(f"{_shown(text)} holds no function name: {_EXPECTED}")
    if len(rest) > 2:
        return problem(f"{_shown(text)} has too many parts: {_EXPECTED}")
    name = rest[0]
    if not _NAME.fullmatch(name):
        if len(name) > 64 and _NAME.fullmatch(name[:64]):
            return problem(f"{_shown(text)} has a name of {len(name)} characters; a function's name has at most 64")
        return problem(
            f'{_shown(text)} has the name "{name[:70]}", and a function\'s name holds only letters, digits, - and _'
        )
    qualifier = rest[1] if len(rest) == 2 else None
    if qualifier is not None and not _QUALIFIER.fullmatch(qualifier):
        return problem(
            f'{_shown(text)} ends in "{qualifier[:70]}", which is neither a version, nor an alias, nor $LATEST'
        )
    return FunctionReference(name=name, qualifier=qualifier, region=region, account=account, partition=partition), ""


def _shown(text: str) -> str:
    return f'"{text}"' if len(text) <= 170 and text.isprintable() else f"{text[:160]!a}…"


def _named(what: str, given: str) -> str:
    return f'the {what} "{given}", which does not exist' if given else f"no {what}"


def _service(service: str) -> str:
    names = {"states": "Step Functions", "s3": "S3", "iam": "IAM", "sqs": "SQS", "sns": "SNS", "events": "EventBridge"}
    return names.get(service, f'the service "{service}"')


def _article(kind: str) -> str:
    known = {
        "event-source-mapping": "an event source mapping",
        "code-signing-config": "a code signing configuration",
        "capacity-provider": "a capacity provider",
    }
    return known.get(kind, f'something else ("{kind[:40]}")')
