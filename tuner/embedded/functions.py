"""Between moto's record of a function and the execution host that runs it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tuner.core.run.plan import CLONE_PREFIX, CPU_TIME_TAG
from tuner.embedded.code_store import CodeStore
from tuner.embedded.host.model import FunctionSpec, InvocationResult
from tuner.embedded.identity import is_own_function
from tuner.embedded.runtimes import runtime_named
from tuner.embedded.runtimes.python import PYTHON

if TYPE_CHECKING:
    from tuner.embedded.host import ExecutionHost


@dataclass(eq=False)
class FunctionRunner:
    """Runs functions of the embedded account on execution hosts."""

    own: ExecutionHost
    """Runs the stack's own functions."""
    measured: ExecutionHost
    """Runs all others: how many environments the one keeps warm does not depend on the other."""
    code: CodeStore
    forget_output: Callable[[str, str], None]
    """Drops what a function printed, by log group and stream."""
    interpreter_of: Callable[[str], str | None]
    """Tells which program was chosen for a package, by its digest."""
    own_variables: Mapping[str, str]
    """Environment variables of the stack's own functions alone."""
    _streams_of_clones: dict[str, set[tuple[str, str]]] = field(default_factory=dict)

    def invoke(
        self, function: Any, event: bytes, client_context: str | None, trace_id: str | None = None
    ) -> InvocationResult:
        """Run one version of a function and wait for its end.

        *function* is moto's record of it, *event* is JSON, *client_context* the header's value as it came (base64),
        and *trace_id* that of X-Ray's header.
        """
        spec = self._spec_of(function)
        host = self.measured if spec.cpu_limited else self.own
        result = host.invoke(spec, event, client_context=client_context, trace_id=trace_id)
        if spec.name.startswith(CLONE_PREFIX):
            self._streams_of_clones.setdefault(spec.arn, set()).add((spec.log_group, result.log_stream))
        return result

    def take_snapshot(self, function: Any) -> str | None:
        """Make the init of a version with SnapStart (moto's record); why it failed, or ``None``."""
        spec = self._spec_of(function)
        return (self.measured if spec.cpu_limited else self.own).take_snapshot(spec)

    def retire(self, function_arn: str) -> None:
        """End the execution environments of a function that was changed or deleted."""
        for host in (self.own, self.measured):
            host.retire(function_arn)

    def forget(self, function_arn: str) -> None:
        """Drop what a deleted clone's environments printed: nobody else would."""
        for arn in [
            arn for arn in self._streams_of_clones if arn == function_arn or arn.startswith(f"{function_arn}:")
        ]:
            for group, stream in self._streams_of_clones.pop(arn):
                self.forget_output(group, stream)

    def _spec_of(self, function: Any) -> FunctionSpec:
        environment = {name: str(value) for name, value in (function.environment_vars or {}).items()}
        is_own = is_own_function(function.function_name)
        if is_own:
            environment |= self.own_variables
        log_format: Literal["Text", "JSON"] = "JSON" if function.logging_config.get("LogFormat") == "JSON" else "Text"
        return FunctionSpec(
            arn=function.function_arn,
            name=function.function_name,
            version=str(function.version),
            code_dir=self.code.folder(function.code_digest),
            handler=function.handler,
            memory_mb=int(function.memory_size),
            timeout_s=float(function.timeout),
            environment=environment,
            log_format=log_format,
            log_group=function.logs_group_name,
            cpu_limited=not is_own,
            layers_dir=self._layers_dir(function),
            ephemeral_storage_mb=int(function.ephemeral_storage),
            runtime=runtime_named(str(function.run_time)) or PYTHON,
            interpreter=self.interpreter_of(function.code_digest),
            code_sha256=function.code_sha_256,
            tells_cpu_time=CPU_TIME_TAG in function.tags,
            tells_core_wait=function.function_name.startswith(CLONE_PREFIX),
            snap_start=function.snap_start == "PublishedVersions" and str(function.version) != "$LATEST",
            revision=function.revision_id,
        )

    def _layers_dir(self, function: Any) -> Path | None:
        """Unpack the function's layers into one folder, in their order."""
        from moto.awslambda.utils import get_backend

        backend = get_backend(function.account_id, function.region)
        layers = [backend.layers_versions_by_arn(layer["Arn"]) for layer in function.layers]
        archives = [self.code.put(layer.code_bytes) for layer in layers if layer is not None]
        return self.code.folder(*archives) if archives else None
