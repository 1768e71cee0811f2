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
from tuner.embedded.host.worker import interpreter_of, users_aws_files, worker_environment

_MOST_OUTPUT_BYTES = 65_536

_IMPORT = """
import json, os, sys, traceback
sys.path[0] = os.getcwd()
try:
    __import__(sys.argv[1])
except BaseException as error:
    traceback.print_exception(type(error), error, error.__traceback__.tb_next)
    sys.stderr.flush()
    print("\\n" + json.dumps([type(error).__name__, str(error)]), flush=True)
    os._exit(1)
os._exit(0)
"""
"""Ends at once: threads that the module started are not waited for, as Lambda waits for none."""


@dataclass(frozen=True, slots=True)
class ImportFailure:
    """Why the handler's module cannot be imported."""

    error_type: str
    message: str
    output: str
    """What it printed, its traceback last."""


class Rehearsal:
    """Runs programs in the place of a function of the embedded account.

    Args:
        aws: The running account, which has the function.
        name: The function's.
        interpreter: The Python that runs it.
        folder: Empty, for the time of the rehearsal.
        sandbox: Keep the programs from this machine, as far as the system can.
        real_aws: Whether they reach the user's own AWS, as the function will.
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
            interpreter=interpreter,
            layers_dir=code.folder(*layers) if layers else None,
        )
        self._endpoint_url = aws.endpoint_url
        self._key = _key_of_role(aws, configuration["Role"])
        self._folder = folder
        self._sandbox = find_sandbox() if sandbox else NO_SANDBOX
        self._real_aws = dict(os.environ) if real_aws else None

    def import_handler(self) -> ImportFailure | None:
        """Import the handler's module; ``None``: it can be, or did not end in the time that Lambda gives an init."""
        module = self._spec.handler.rpartition(".")[0].replace("/", ".")
        code, output = self._run(["-c", _IMPORT, module], self._spec, limit_s=INIT_LIMIT_S)
        printed, _, last = output.rstrip("\n").rpartition("\n")
        if not code:
            return None
        try:
            error_type, message = json.loads(last)
        except ValueError:  # it was ended before it could say why
            return ImportFailure("Runtime.ExitError", f"the interpreter ended with exit status {code}", output)
        return ImportFailure(error_type, message, printed)

    def run_script(self, script: Path) -> tuple[int, str]:
        """Run a program of the user's in its own folder, with the function's code on its path.

        Returns:
            Its exit status, and what it printed.
        """
        script = script.resolve()
        paths = [str(self._spec.code_dir), self._spec.environment.get("PYTHONPATH", "")]
        variables = {**self._spec.environment, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
        spec = replace(self._spec, code_dir=script.parent, environment=variables)
        code, output = self._run([str(script)], spec, visible=[str(self._spec.code_dir), str(script.parent)])
        return code or 0, output

    def _run(
        self,
        arguments: Sequence[str],
        spec: FunctionSpec,
        *,
        visible: Sequence[str] = (),
        limit_s: float | None = None,
    ) -> tuple[int | None, str]:
        """Run the interpreter to its end, or until *limit_s* is over (``None``), and end all that it started."""
        stream = uuid.uuid4().hex
        folder = self._folder / stream[:8]
        folder.mkdir()
        interpreter = interpreter_of(spec)
        seen = (*interpreter.paths, *visible, *users_aws_files(self._real_aws))
        place = Place(folder, spec.code_dir, spec.layers_dir, None, visible=seen)
        environment = worker_environment(
            spec,
            runtime_api="127.0.0.1:9",  # discards
            log_group=f"/aws/lambda/{spec.name}",
            log_stream=stream,
            endpoint_url=self._endpoint_url,
            temporary_dir=place.tmp_folder,
            has_own_root=self._sandbox.has_own_root,
            interpreter=interpreter,
            access_key=self._key,
            real_aws=self._real_aws,
        )
        with (folder / "output").open("w+b") as file:
            command = [interpreter.path, *arguments]
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
