"""The environment variables of a worker."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from tuner.embedded.access import AccessKey
from tuner.embedded.host.model import FunctionSpec
from tuner.embedded.host.sandbox import LAYERS_ROOT, TASK_ROOT
from tuner.embedded.identity import STEERING_PREFIX
from tuner.embedded.runtimes.runtime import Interpreter

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
    If that is not so here, ``HOME`` is the environment's own empty folder:
    no ``~/.aws`` is found, the credentials open nothing but the embedded
    account. With *real_aws*, the user's own environment, its ``AWS_*``
    variables and home are passed instead, and no endpoint.

    ``AWS_EXECUTION_ENV`` names no version: from Python 3.12 on that makes
    awslambdaric poll in a second thread, which CPU accounting would see.
    """
    region = (spec.arn.split(":") + [""] * 4)[3] or "us-east-1"
    layers = spec.layers_dir and (LAYERS_ROOT if has_own_root else spec.layers_dir)
    path = [str(Path(interpreter.path).parent), "/usr/local/bin", "/usr/bin", "/bin"]
    environment = {
        "PATH": os.pathsep.join([*path, f"{layers}/bin"] if layers else path),
        "LANG": "en_US.UTF-8" if sys.platform == "darwin" else "C.UTF-8",
        "TZ": ":UTC",
        # The task root is read-only on Lambda; the user's folder is not to be littered either. Our own
        # functions keep their caches: they start many times.
        **spec.runtime.variables(writes_caches=not spec.cpu_limited),
    }
    environment |= {
        name: text
        for name, text in spec.environment.items()
        if name not in _RESERVED and not name.startswith((STEERING_PREFIX, "AWS_LAMBDA_FUNCTION_", "AWS_LAMBDA_LOG_"))
    }
    if spec.layers_dir and layers:
        name, folders = spec.runtime.path_variable, spec.runtime.layer_folders(spec.layers_dir)
        found = [str(layers / folder.relative_to(spec.layers_dir)) for folder in folders]
        environment[name] = os.pathsep.join([*found, *filter(None, [environment.get(name)])])
        environment.setdefault("LD_LIBRARY_PATH", f"{layers}/lib")
    environment |= {
        "_HANDLER": spec.handler,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{spec.runtime.family}",
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
