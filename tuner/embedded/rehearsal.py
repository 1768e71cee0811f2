"""What runs before the first invocation, as the function itself will run: the user's set-up script, and one import.

Both get the function's interpreter, variables, code and role, and the same
sandbox as its execution environments; no CPU share and no memory limit.
"""

from __future__ import annotations

import json
import os
import subprocess
import urllib.request
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tuner.embedded.access import AccessKey
from tuner.embedded.account import EmbeddedAws, client
from tuner.embedded.code_store import CodeStore
from tuner.embedded.host.environment import INIT_LIMIT_S
from tuner.embedded.host.model import FunctionSpec
from tuner.embedded.host.process_tree import process_tree
from tuner.embedded.host.sandbox import NO_SANDBOX, Place, find_sandbox, start_worker
from tuner.embedded.host.variables import users_aws_files, worker_environment
from tuner.embedded.runtimes import runtime_named
from tuner.embedded.runtimes.python import PYTHON

_MOST_OUTPUT_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class ImportFailure:
    """Why the handler's module cannot be imported."""

    error_type: str
    message: str
    output: str
    """What it printed, its traceback last."""


class Rehearsal:
    """Runs programs in the place of a function of the embedded account.

    *folder* is empty, for the time of the rehearsal. With *real_aws* the programs reach the user's own AWS, as the
    function will.
    """

    def __init__(
        self, aws: EmbeddedAws, name: str, interpreter: str, folder: Path, *, sandbox: bool, real_aws: bool
    ) -> None:
        functions = client(aws, "lambda")
        function = functions.get_function(FunctionName=name)
        configuration = function["Configuration"]
        code = CodeStore(folder / "code")
        layers = [
            code.put(_download(functions.get_layer_version_by_arn(Arn=layer["Arn"])["Content"]["Location"]))
            for layer in configuration.get("Layers", ())
        ]
        self._spec = FunctionSpec(
            arn=configuration["FunctionArn"],
            name=name,
            version=configuration["Version"],
            code_dir=code.folder(code.put(_download(function["Code"]["Location"]))),
            handler=configuration["Handler"],
            memory_mb=configuration["MemorySize"],
            timeout_s=configuration["Timeout"],
            environment=configuration.get("Environment", {}).get("Variables", {}),
            runtime=runtime_named(configuration["Runtime"]) or PYTHON,
            interpreter=interpreter,
            layers_dir=code.folder(*layers) if layers else None,
        )
        self._runtime = self._spec.runtime
        self._interpreter = self._runtime.interpreter(interpreter)
        self._endpoint_url = aws.endpoint_url
        self._key = _key_of_role(aws, configuration["Role"])
        self._folder = folder
        self._sandbox = find_sandbox() if sandbox else NO_SANDBOX
        self._real_aws = dict(os.environ) if real_aws else None

    def import_handler(self) -> ImportFailure | None:
        """Import the handler's module; ``None``: it can be, or did not end in the time that Lambda gives an init."""
        command = self._runtime.import_command(self._interpreter, self._spec.handler)
        code, output = self._run(command, self._spec, limit_s=INIT_LIMIT_S)
        printed, _, last = output.rstrip("\n").rpartition("\n")
        if not code:
            return None
        try:
            error_type, message = json.loads(last)
        except ValueError:  # it was ended before it could say why
            return ImportFailure("Runtime.ExitError", f"the interpreter ended with exit status {code}", output)
        return ImportFailure(error_type, message, printed)

    def run_script(self, script: Path) -> tuple[int, str]:
        """Run a user's program, with the function's code on its path; its exit status, and what it printed."""
        script = script.resolve()
        name = self._runtime.path_variable
        paths = [str(self._spec.code_dir), self._spec.environment.get(name, "")]
        variables = {**self._spec.environment, name: os.pathsep.join(filter(None, paths))}
        spec = replace(self._spec, code_dir=script.parent, environment=variables)
        seen = [str(self._spec.code_dir), str(script.parent)]
        code, output = self._run([self._interpreter.path, str(script)], spec, visible=seen)
        return code or 0, output

    def _run(
        self, command: Sequence[str], spec: FunctionSpec, *, visible: Sequence[str] = (), limit_s: float | None = None
    ) -> tuple[int | None, str]:
        """Run a program to its end, or until *limit_s* is over (``None``), and end all that it started."""
        stream = uuid.uuid4().hex
        folder = self._folder / stream[:8]
        folder.mkdir()
        seen = (*self._interpreter.paths, *visible, *users_aws_files(self._real_aws))
        place = Place(folder, spec.code_dir, spec.layers_dir, None, visible=seen)
        environment = worker_environment(
            spec,
            runtime_api="127.0.0.1:9",  # discards
            log_group=f"/aws/lambda/{spec.name}",
            log_stream=stream,
            endpoint_url=self._endpoint_url,
            temporary_dir=place.tmp_folder,
            has_own_root=self._sandbox.has_own_root,
            interpreter=self._interpreter,
            access_key=self._key,
            real_aws=self._real_aws,
        )
        with (folder / "output").open("w+b") as file:
            worker, _ = start_worker(self._sandbox, command, environment, place, output=file.fileno())
            try:
                code: int | None = worker.wait(limit_s)
            except subprocess.TimeoutExpired:
                code = None
            finally:
                process_tree(worker, f"AWS_LAMBDA_LOG_STREAM_NAME={stream}").kill()
            file.seek(max(0, file.seek(0, os.SEEK_END) - _MOST_OUTPUT_BYTES))
            return code, file.read().decode(errors="replace")


def _download(url: str) -> bytes:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=60) as answer:
        body: bytes = answer.read()
    return body


def _key_of_role(aws: EmbeddedAws, role_arn: str) -> AccessKey:
    """Take the function's role, as Lambda does for it."""
    given: Mapping[str, str] = client(aws, "sts").assume_role(RoleArn=role_arn, RoleSessionName="lambda-tuner-setup")[
        "Credentials"
    ]
    return AccessKey(given["AccessKeyId"], given["SecretAccessKey"])
