"""How a worker is started: which interpreter and runtime client, and with which environment variables."""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tuner.core.errors import InvalidRequest
from tuner.embedded.access import AccessKey
from tuner.embedded.host.model import FunctionSpec
from tuner.embedded.host.sandbox import LAYERS_ROOT, TASK_ROOT, interpreter_paths
from tuner.embedded.identity import STEERING_PREFIX

BOOTSTRAP = Path(__file__).with_name("bootstrap.py")

# What Lambda itself sets and a function's configuration cannot (AWS Lambda Developer Guide, "Defined runtime
# environment variables"); AWS_ENDPOINT_URL is the embedded account's here.
_RESERVED = frozenset(
    {
        *("_HANDLER", "_X_AMZN_TRACE_ID", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR", "_LAMBDA_TELEMETRY_LOG_FD"),
        *("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_EXECUTION_ENV", "AWS_ENDPOINT_URL", "AWS_PROFILE"),
        *("AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
        *("AWS_LAMBDA_RUNTIME_API", "AWS_LAMBDA_MAX_CONCURRENCY", "AWS_LAMBDA_INITIALIZATION_TYPE"),
    }
)

_PROBE = """
import json, os, sys
try:
    import awslambdaric.bootstrap, runtime_client
    has_client = sys.platform == "linux"
except Exception:
    has_client = False
paths = [os.path.dirname(sys.executable), sys.prefix, sys.base_prefix, sys.exec_prefix, *filter(None, sys.path)]
print(json.dumps([list(sys.version_info[:3]), has_client, sys.executable, paths]))
"""


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python that can run handlers."""

    path: str
    version: str
    has_runtime_client: bool
    """Whether AWS's own runtime client, awslambdaric with its extension, is there."""
    paths: tuple[str, ...] = ()
    """What it needs to see of the file system to run."""


def interpreter_of(spec: FunctionSpec) -> Interpreter:
    """The interpreter that runs the function: the one that was chosen for it, or this one.

    Raises:
        InvalidRequest: the chosen interpreter does not start, or is older than Python 3.9.
    """
    chosen = spec.interpreter or sys.executable
    path = os.path.expanduser(chosen)  # noqa: PTH111 - Path would resolve nothing here, and the name is kept as given
    if path == sys.executable:
        return _own_interpreter()
    try:
        changed_at_ns = os.stat(path).st_mtime_ns  # noqa: PTH116 - follows the link, as the start does
    except OSError as error:
        raise InvalidRequest(
            [f"the interpreter {chosen!r} of the function {spec.name} does not exist ({error.strerror})"],
            hint="Name an existing Python, such as the one of the virtual environment with the handler's dependencies.",
        ) from error
    return _probe(path, changed_at_ns)


@functools.cache
def _own_interpreter() -> Interpreter:
    has_client = (
        sys.platform == "linux"
        and importlib.util.find_spec("awslambdaric") is not None
        and importlib.util.find_spec("runtime_client") is not None
    )
    return Interpreter(sys.executable, ".".join(map(str, sys.version_info[:3])), has_client, interpreter_paths())


@functools.cache
def _probe(path: str, changed_at_ns: int) -> Interpreter:  # noqa: ARG001 - part of the cache's key
    try:
        done = subprocess.run(
            [path, "-c", _PROBE],
            capture_output=True,
            check=True,
            cwd="/",
            env={
                **{name: text for name, text in os.environ.items() if not name.startswith("PYTHON")},
                "PYTHONNOUSERSITE": "1",
            },
            timeout=30,
        )
        version, has_client, executable, paths = json.loads(done.stdout.splitlines()[-1])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError) as error:
        raise InvalidRequest(
            [f"the interpreter {path} does not start ({_reason(error)})"], hint="Name a working Python 3.9 or newer."
        ) from error
    if tuple(version) < (3, 9):
        raise InvalidRequest(
            [f"the interpreter {path} is Python {'.'.join(map(str, version))}"], hint="Name a Python 3.9 or newer."
        )
    if Path(path).parent.name == "shims":
        path = executable  # pyenv's and asdf's stand-ins need the user's environment, which a worker does not have
    return Interpreter(path, ".".join(map(str, version)), bool(has_client), (*paths, path, os.path.realpath(path)))


def _reason(error: Exception) -> str:
    if isinstance(error, subprocess.CalledProcessError):
        said = error.stderr.decode(errors="replace").strip().splitlines()
        return said[-1].strip() if said else f"exit status {error.returncode}"
    return f"{type(error).__name__}: {error}" if not isinstance(error, subprocess.TimeoutExpired) else "no answer"


def worker_command(interpreter: Interpreter, handler: str, *, force_bootstrap: bool = False) -> list[str]:
    """The command of a worker: AWS's runtime client where the interpreter has it, else our bootstrap by its path."""
    if interpreter.has_runtime_client and not force_bootstrap:
        return [interpreter.path, "-m", "awslambdaric", handler]
    return [interpreter.path, str(BOOTSTRAP), handler]


def worker_environment(
    spec: FunctionSpec,
    *,
    runtime_api: str,
    log_group: str,
    log_stream: str,
    endpoint_url: str,
    temporary_dir: Path,
    has_own_root: bool,
    interpreter: Interpreter,
    access_key: AccessKey,
    real_aws: Mapping[str, str] | None,
) -> dict[str, str]:
    """The variables of a worker: what Lambda sets, the function's own, and nothing of this machine's.

    On Lambda there is no ``HOME``, and the user's home folder does not exist.
    Where that is not so here, ``HOME`` is the environment's own empty folder:
    no ``~/.aws`` is found, the credentials open nothing but the embedded
    account. With *real_aws*, the user's own environment, its ``AWS_*``
    variables and home are passed instead, and no endpoint.

    ``AWS_EXECUTION_ENV`` names no Python version: from 3.12 on that makes
    awslambdaric poll in a second thread, which CPU accounting would see.
    """
    region = (spec.arn.split(":") + [""] * 4)[3] or "us-east-1"
    layers = spec.layers_dir and (LAYERS_ROOT if has_own_root else spec.layers_dir)
    path = [str(Path(interpreter.path).parent), "/usr/local/bin", "/usr/bin", "/bin"]
    environment = {
        "PATH": os.pathsep.join([*path, f"{layers}/bin"] if layers else path),
        "LANG": "en_US.UTF-8" if sys.platform == "darwin" else "C.UTF-8",
        "TZ": ":UTC",
        "PYTHONUNBUFFERED": "1",
        "PYTHONNOUSERSITE": "1",
    }
    if spec.cpu_limited:
        # The task root is read-only on Lambda; the user's folder is not to be littered either. Our own
        # functions keep their byte code: they start many times.
        environment["PYTHONDONTWRITEBYTECODE"] = "1"
    environment |= {
        name: text
        for name, text in spec.environment.items()
        if name not in _RESERVED and not name.startswith((STEERING_PREFIX, "AWS_LAMBDA_FUNCTION_", "AWS_LAMBDA_LOG_"))
    }
    if spec.layers_dir and layers:
        its_own = environment.get("PYTHONPATH")
        found = [str(layers / path.relative_to(spec.layers_dir)) for path in _import_folders(spec.layers_dir)]
        environment["PYTHONPATH"] = os.pathsep.join([*found, *filter(None, [its_own])])
        environment.setdefault("LD_LIBRARY_PATH", f"{layers}/lib")
    environment |= {
        "_HANDLER": spec.handler,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_EXECUTION_ENV": "AWS_Lambda_python",
        "AWS_LAMBDA_FUNCTION_NAME": spec.name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(spec.memory_mb),
        "AWS_LAMBDA_FUNCTION_VERSION": spec.version,
        "AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start" if spec.snap_start else "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": log_group,
        "AWS_LAMBDA_LOG_STREAM_NAME": log_stream,
        "AWS_LAMBDA_RUNTIME_API": runtime_api,
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1:9",  # discards; a daemon on the usual port would send to an account
        "LAMBDA_RUNTIME_DIR": str(Path(__file__).parent),
    }
    if spec.cpu_limited:
        # Without it X-Ray's SDK sees no Lambda in our own functions: it would open a file of a fixed name in /tmp.
        environment["LAMBDA_TASK_ROOT"] = str(TASK_ROOT if has_own_root else spec.code_dir)
    if not has_own_root:
        environment |= {"TMPDIR": str(temporary_dir), "HOME": str(temporary_dir)}
    if spec.log_format == "JSON":
        environment |= {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "INFO"}
    if real_aws is not None:
        # What Lambda would set is the user's; what the function is configured with goes before the rest.
        theirs = {name: text for name, text in real_aws.items() if name.startswith("AWS_") or name == "HOME"}
        return environment | {
            name: text
            for name, text in theirs.items()
            if (name in _RESERVED or name == "HOME" or name not in environment) and not name.startswith("AWS_LAMBDA_")
        }
    return environment | {
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_ACCESS_KEY_ID": access_key.access_key_id,
        "AWS_SECRET_ACCESS_KEY": access_key.secret_access_key,
        "AWS_SESSION_TOKEN": "local",
    }


def users_aws_files(real_aws: Mapping[str, str] | None) -> list[str]:
    """The files of the user's AWS configuration, which a function with the user's own AWS must see."""
    if real_aws is None:
        return []
    named = [real_aws.get("AWS_CONFIG_FILE"), real_aws.get("AWS_SHARED_CREDENTIALS_FILE"), f"{real_aws['HOME']}/.aws"]
    return [path for path in named if path and os.path.isabs(path) and os.path.exists(path)]  # noqa: PTH110, PTH117


def _import_folders(layers_dir: Path) -> list[Path]:
    """The folders that Lambda's Python runtimes add to the path for layers."""
    lib = layers_dir / "python" / "lib"
    return [path for path in (layers_dir / "python", *sorted(lib.glob("python3.*/site-packages"))) if path.is_dir()]
