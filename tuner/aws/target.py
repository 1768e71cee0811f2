"""Reading the function under test: only read, never written, never invoked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from tuner.aws.failures import aws_call, error_code
from tuner.core.errors import FunctionNotFound, PermissionDenied, ServiceError


class TargetReader:
    """What the steps read of a function.

    *clients* gives the boto3 client of a service, the same one each time, and is asked only for what is used.
    """

    def __init__(self, clients: Callable[[str], Any]) -> None:
        self.clients = clients

    @property
    def _lambda(self) -> Any:
        return self.clients("lambda")

    def configuration(self, name: str, qualifier: str | None) -> dict[str, Any]:
        """``GetFunctionConfiguration`` of the function, or of one version or alias.

        Raises:
            FunctionNotFound: There is none of that name here.
        """
        shown = f"{name}:{qualifier}" if qualifier else name
        with aws_call("lambda:GetFunctionConfiguration", shown):
            try:
                answer = self._lambda.get_function_configuration(FunctionName=name, **qualified(qualifier))
            except ClientError as error:
                if error_code(error) == "ResourceNotFoundException":
                    raise _not_found(self._lambda.meta.region_name, shown) from error
                raise
        answer.pop("ResponseMetadata", None)
        return dict(answer)

    def code_location(self, name: str, qualifier: str | None) -> dict[str, Any]:
        """``GetFunction``'s ``Code`` section: where the package can be fetched from, or the image's address."""
        shown = f"{name}:{qualifier}" if qualifier else name
        with aws_call("lambda:GetFunction", shown):
            try:
                return dict(self._lambda.get_function(FunctionName=name, **qualified(qualifier))["Code"])
            except ClientError as error:
                if error_code(error) == "ResourceNotFoundException":
                    raise _not_found(self._lambda.meta.region_name, shown) from error
                raise

    def reserved_concurrency(self, name: str) -> int | None:
        """The function's reserved concurrency; ``None`` if none is reserved."""
        with aws_call("lambda:GetFunctionConcurrency", name):
            answer = self._lambda.get_function_concurrency(FunctionName=name)
        value = answer.get("ReservedConcurrentExecutions")
        return None if value is None else int(value)

    def unreserved_concurrency(self) -> int | None:
        """What all functions without a reserved concurrency share here; ``None`` if it may not be read."""
        try:
            with aws_call("lambda:GetAccountSettings", "*"):
                answer = self._lambda.get_account_settings()
        except (PermissionDenied, ServiceError):
            return None
        value = (answer.get("AccountLimit") or {}).get("UnreservedConcurrentExecutions")
        return None if value is None else int(value)


def qualified(qualifier: str | None) -> dict[str, str]:
    """The parameter of a call that names a version or alias; none of the function itself."""
    return {"Qualifier": qualifier} if qualifier else {}


def _not_found(region: str, shown: str) -> FunctionNotFound:
    return FunctionNotFound(
        f"There is no function {shown} in Region {region}.",
        hint="Check the name, the version or alias, and the Region: "
        "the tuner reads functions of its own account and Region only.",
    )
