"""The embedded AWS from the outside: start one, talk to it, put functions on it, end it."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuner import __version__
from tuner.core.errors import TunerError
from tuner.core.model import Architecture, architecture_of
from tuner.embedded import identity
from tuner.embedded.access import AccessKey
from tuner.embedded.code_store import LARGEST_UNPACKED_BYTES
from tuner.embedded.locks import one_at_a_time, working_folder
from tuner.embedded.packing import Package, collect_package, pack, pack_folder
from tuner.embedded.runtimes.python import PYTHON

if TYPE_CHECKING:
    import boto3

_READY_WITHIN_S = 90.0
_END_WITHIN_S = 10.0
_ROOM_BYTES = 50_000_000
"""What the server's own code and a small function take, unpacked, in the folder of temporary files."""
_STATUS_PATH = "/_lambda-tuner/status"


class EmbeddedAwsFailed(TunerError):
    """The embedded AWS did not start, or something else uses its port."""


@dataclass(frozen=True)
class EmbeddedAws:
    """A running embedded AWS."""

    endpoint_url: str
    pid: int
    home: Path
    key: AccessKey = field(repr=False)
    """What opens it: drawn at its start, and in a file that the user alone can read."""
    version: str = __version__
    """Of Lambda Tuner, in the server: another than this process's after an upgrade."""
    already_running: bool = False
    """``start`` found it running and started nothing."""
    not_isolated: str = ""
    """What its functions can do to this machine; empty if they cannot do anything."""
    region: str = identity.REGION
    account_id: str = identity.ACCOUNT_ID
    stack: str = identity.STACK
    bucket: str = identity.ARTIFACT_BUCKET

    def has_ended(self) -> bool:
        """Whether its process is gone, and with it every execution; one that only does not answer has not ended."""
        import psutil

        try:
            if psutil.Process(self.pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        answer = _identify(self.endpoint_url)
        return answer is not None and answer.get("pid") != self.pid

    @property
    def tune_arn(self) -> str:
        """The state machine that tunes one function."""
        return identity.state_machine_arn("tune")

    @property
    def restore_arn(self) -> str:
        """The state machine that undoes a run."""
        return identity.state_machine_arn("restore")

    @property
    def bucket_folder(self) -> Path:
        """The artifact bucket as a folder."""
        return self.home / "bucket"


@contextlib.contextmanager
def embedded_aws(
    *,
    home: Path,
    port: int = 0,
    on_ready: Callable[[EmbeddedAws], None] | None = None,
    application: Path | None = None,
    parameters: Mapping[str, str] | None = None,
    sandbox: bool = True,
    real_aws: bool = False,
) -> Iterator[EmbeddedAws]:
    """Run an embedded AWS for the time of a ``with`` block, as a process of its own.

    *home* keeps the artifact bucket, and may be shared with another server. *port* 0 takes a free one on 127.0.0.1.
    *application* is the folder of another ``template.yaml`` than the installed one. With *real_aws* the
    server gets this process's environment, and functions its AWS.

    Raises:
        EmbeddedAwsFailed: It did not become ready; the message ends with its log's last lines.
    """
    make_private(home)
    with working_folder("lambda-tuner-server-") as folder:
        ready, log = folder / "ready.json", folder / "server.log"
        options = _options(application, parameters, sandbox=sandbox, real_aws=real_aws)
        server = _launch(home, port, ready, log, [*options, "--parent-pid", str(os.getpid())], real_aws=real_aws)
        try:
            aws = _wait_until_ready(server, ready, log, home)
            if on_ready:
                on_ready(aws)
            yield aws
        finally:
            _end(server)


def start(
    home: Path,
    port: int = identity.DEFAULT_PORT,
    *,
    application: Path | None = None,
    parameters: Mapping[str, str] | None = None,
    sandbox: bool = True,
) -> EmbeddedAws:
    """Start the embedded AWS that stays when this process ends, and return when it is ready.

    If it runs already, nothing is started and ``already_running`` is true:
    of two starts at once the second waits for the first.

    Raises:
        EmbeddedAwsFailed: It did not become ready, or another program has the port.
    """
    make_private(home)
    with one_at_a_time(home / "start.lock"):
        running = status(home)
        if running:
            return replace(running, already_running=True)
        _check_port(port, home)
        log, ready = home / "server.log", home / "server.json"
        log.unlink(missing_ok=True)
        ready.unlink(missing_ok=True)
        server = _launch(home, port, ready, log, _options(application, parameters, sandbox=sandbox))
        try:
            aws = _wait_until_ready(server, ready, log, home)
        except BaseException:
            _end(server)
            raise
    server.returncode = 0  # it is meant to outlive this process: no warning that it still runs
    return aws


def make_private(home: Path) -> None:
    """Make the home folder, for the user alone.

    Raises:
        EmbeddedAwsFailed: It cannot be made or written to; says why.
    """
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        if home.stat().st_uid == os.getuid():
            home.chmod(0o700)
        with tempfile.TemporaryFile(dir=home) as probe:
            probe.write(b"can be written")
    except OSError as error:
        raise EmbeddedAwsFailed(
            f"The folder {home}, where runs without an account are kept, cannot be written to: {error.strerror}.",
            hint="Free some space, or set LAMBDA_TUNER_HOME to a folder of your own.",
        ) from error


def _check_port(port: int, home: Path) -> None:
    """Say whose a port is before a server fails on it."""
    with socket.socket() as connection:
        if not port or connection.connect_ex(("127.0.0.1", port)) != 0:
            return
    other = (_identify(f"http://127.0.0.1:{port}") or {}).get("home")
    if other is None:
        raise EmbeddedAwsFailed(
            f"Port {port} is used by another program.", hint="End that program, or choose another port."
        )
    if other != str(home.resolve()):
        raise EmbeddedAwsFailed(
            f"Port {port} is used by an embedded AWS whose home is {other}.",
            hint=f"Stop it, or set LAMBDA_TUNER_HOME={other} to use it.",
        )


def status(home: Path) -> EmbeddedAws | None:
    """Find the lasting embedded AWS of *home*; ``None`` when none runs."""
    try:
        written = read_ready_file(home / "server.json", home)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    answer = _identify(written.endpoint_url)
    return written if answer and answer.get("pid") == written.pid else None


def read_ready_file(path: Path, home: Path) -> EmbeddedAws:
    """Read what a server wrote of itself when it was ready."""
    written = json.loads(path.read_text(encoding="utf-8"))
    return EmbeddedAws(
        str(written["endpoint_url"]),
        int(written["pid"]),
        home,
        AccessKey(str(written["access_key_id"]), str(written["secret_access_key"])),
        version=str(written["version"]),
        not_isolated=str(written["not_isolated"]),
    )


def stop(home: Path) -> bool:
    """End the lasting embedded AWS of *home* and wait for it; ``False`` when none ran."""
    import psutil

    running = status(home)
    if not running:
        (home / "server.json").unlink(missing_ok=True)
        return False
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(running.pid)
        process.terminate()
        try:
            process.wait(_END_WITHIN_S)
        except psutil.TimeoutExpired:
            process.kill()
            process.wait(_END_WITHIN_S)
    (home / "server.json").unlink(missing_ok=True)
    return True


def session(aws: EmbeddedAws) -> boto3.Session:
    """Make a boto3 session with the embedded account's credentials; clients still need the endpoint's address.

    It reads neither the user's profiles nor their configuration.
    """
    import boto3
    import botocore.session

    nothing: dict[str, tuple[str | None, str | None, str | None, None]] = {
        "profile": (None, None, None, None),
        "config_file": (None, None, os.devnull, None),
        "credentials_file": (None, None, os.devnull, None),
    }
    return boto3.Session(
        aws_access_key_id=aws.key.access_key_id,
        aws_secret_access_key=aws.key.secret_access_key,
        region_name=aws.region,
        botocore_session=botocore.session.Session(session_vars=nothing),
    )


def client(aws: EmbeddedAws, service: str, **options: Any) -> Any:
    """Make a boto3 client of the embedded account; goes through no proxy.

    Example::

        client(aws, "stepfunctions").start_execution(stateMachineArn=aws.tune_arn, input="{}")
    """
    from botocore.config import Config

    config = Config(proxies={}).merge(options.pop("config", Config()))
    with _MAKING_CLIENTS:
        made = _shared_session(aws.key)
        return made.client(service, endpoint_url=aws.endpoint_url, config=config, **options)  # type: ignore[call-overload]


_MAKING_CLIENTS = threading.Lock()
"""boto3 sessions make clients in one thread at a time."""


@functools.cache
def _shared_session(key: AccessKey) -> boto3.Session:
    """Keep one session for all clients: it has read AWS's service descriptions once."""
    return session(EmbeddedAws("", 0, Path(), key))


def export_lines(aws: EmbeddedAws) -> list[str]:
    """Give the shell lines with which the AWS CLI and boto3 talk to this account."""
    return [
        f"export AWS_ENDPOINT_URL={aws.endpoint_url}",
        f"export AWS_REGION={aws.region} AWS_DEFAULT_REGION={aws.region}",
        f"export AWS_ACCESS_KEY_ID={aws.key.access_key_id} AWS_SECRET_ACCESS_KEY={aws.key.secret_access_key}",
        "unset AWS_PROFILE AWS_SESSION_TOKEN",
    ]


def deploy_function(
    aws: EmbeddedAws,
    *,
    name: str,
    code_dir: Path | Package,
    handler: str,
    memory_mb: int = 128,
    timeout_s: int = 3,
    environment: Mapping[str, str] | None = None,
    interpreter: str | None = None,
    layers: Sequence[str | Path] = (),
    runtime: str | None = None,
    tags: Mapping[str, str] | None = None,
    log_format: str = "Text",
    architecture: Architecture | None = None,
    ephemeral_storage_mb: int | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> str:
    """Deploy a folder of code to the embedded account as a function, replacing one of that name; its ARN.

    *code_dir* becomes the function's root, without caches, version control and virtual environments. *memory_mb* is at
    most what this machine can grant (``identity.memory_cap_mb``), *timeout_s* whole seconds, at most 900. *layers* are
    layer version ARNs of this account, or folders that become such. By default runtime and interpreter are the Python
    that runs us, and *architecture*, whose prices count, is this machine's. *progress* gets the bytes of each file
    that was packed.

    Raises:
        CodeNotPacked: The folder is missing or larger than 250 MB.
        EmbeddedAwsFailed: The account refused the function; the message is AWS's own.
    """
    from botocore.exceptions import ClientError

    from tuner.embedded.deploy import _ensure_code_bucket

    package = (
        code_dir if isinstance(code_dir, Package) else collect_package(code_dir, limit_bytes=LARGEST_UNPACKED_BYTES)
    )
    archive = pack(package.files, interpreter or "", progress)
    key = f"functions/{name}.zip"
    _ensure_code_bucket(lambda service: client(aws, service))
    client(aws, "s3").put_object(Bucket=identity.CODE_BUCKET, Key=key, Body=archive)
    if interpreter:
        place = identity.interpreter_object(hashlib.sha256(archive).hexdigest())
        client(aws, "s3").put_object(Bucket=identity.CODE_BUCKET, Key=place, Body=interpreter.encode())
    settings: dict[str, Any] = {
        "FunctionName": name,
        "Handler": handler,
        "MemorySize": memory_mb,
        "Timeout": timeout_s,
        "Role": function_role(aws),
        "Runtime": runtime or PYTHON.interpreter(None).runtime,
        "Environment": {"Variables": dict(environment or {})},
        "Layers": [each if isinstance(each, str) else _publish_layer(aws, name, each) for each in layers],
        "LoggingConfig": {"LogFormat": log_format},
        "EphemeralStorage": {"Size": ephemeral_storage_mb or 512},
    }
    functions = client(aws, "lambda")
    architectures = [architecture or architecture_of(platform.machine())]
    try:
        try:
            functions.get_function_configuration(FunctionName=name)
        except functions.exceptions.ResourceNotFoundException:
            created = functions.create_function(
                **settings,
                Code={"S3Bucket": identity.CODE_BUCKET, "S3Key": key},
                Architectures=architectures,
                Tags=dict(tags or {}),
            )
            return str(created["FunctionArn"])
        functions.update_function_code(
            FunctionName=name, S3Bucket=identity.CODE_BUCKET, S3Key=key, Architectures=architectures
        )
        arn = str(functions.update_function_configuration(**settings)["FunctionArn"])
        if tags:
            functions.tag_resource(Resource=arn, Tags=dict(tags))
    except ClientError as error:
        raise EmbeddedAwsFailed(
            f"The embedded AWS refused the function {name}: {error.response['Error']['Message']}",
            hint="Correct the setting that it names.",
        ) from error
    return arn


def _publish_layer(aws: EmbeddedAws, function: str, folder: Path) -> str:
    archive = pack_folder(folder)
    place = {"S3Bucket": identity.CODE_BUCKET, "S3Key": f"layers/{hashlib.sha256(archive).hexdigest()}.zip"}
    client(aws, "s3").put_object(Bucket=place["S3Bucket"], Key=place["S3Key"], Body=archive)
    layer = client(aws, "lambda").publish_layer_version(LayerName=f"{function}-{folder.name}"[:140], Content=place)
    return str(layer["LayerVersionArn"])


_ROLE = "lambda-tuner-local-function"


def function_role(aws: EmbeddedAws) -> str:
    """ARN of the role that local functions have, made if it is not there: it may do anything, in this account only."""
    iam = client(aws, "iam")
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    with contextlib.suppress(iam.exceptions.NoSuchEntityException):
        return str(iam.get_role(RoleName=_ROLE)["Role"]["Arn"])
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    with contextlib.suppress(iam.exceptions.EntityAlreadyExistsException):
        iam.create_role(
            RoleName=_ROLE, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        )
    iam.put_role_policy(
        RoleName=_ROLE,
        PolicyName="everything",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [everything]}),
    )
    return str(iam.get_role(RoleName=_ROLE)["Role"]["Arn"])


def _options(
    application: Path | None, parameters: Mapping[str, str] | None, *, sandbox: bool, real_aws: bool = False
) -> list[str]:
    return [
        *([] if sandbox else ["--no-sandbox"]),
        *(["--real-aws"] if real_aws else []),
        *(["--application", str(application)] if application else []),
        *(f"--parameter={name}={value}" for name, value in (parameters or {}).items()),
    ]


def _launch(
    home: Path, port: int, ready: Path, log: Path, options: Sequence[str], *, real_aws: bool = False
) -> subprocess.Popen[bytes]:
    _check_room()
    # -P: what lies in the user's folder under the name of one of our modules must not take its place.
    command = [sys.executable, "-P", "-m", "tuner.embedded.server", "--home", str(home), "--port", str(port)]
    command += ["--ready-file", str(ready), "--log-file", str(log), *options]
    log.touch(mode=0o600)
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            env=_server_environment(real_aws=real_aws),
        )


_KEPT = ("HOME", "LANG", "LOGNAME", "MALLOC_ARENA_MAX", "PATH", "TMPDIR", "TZ", "USER", "VIRTUAL_ENV")
_KEPT_PREFIXES = ("ASDF_", "DYLD_", "LANGUAGE", "LC_", "LD_", "PYENV_", "PYTHON")


def _check_room() -> None:
    """Say that the disk is full before a server fails on it in many words."""
    folder = tempfile.gettempdir()
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < _ROOM_BYTES:
        raise EmbeddedAwsFailed(
            f"{folder} has {free_bytes / 1e6:.1f} MB free; the embedded AWS needs {_ROOM_BYTES / 1e6:.0f} MB there.",
            hint="Make room there, or name another folder for temporary files with TMPDIR.",
        )


def _server_environment(*, real_aws: bool) -> dict[str, str]:
    """Give the server an environment in which it can import this package and find Pythons, and nothing more.

    With *real_aws* all of this process's: functions are to have its AWS.
    """
    package_root = str(Path(__file__).resolve().parents[2])
    environment = {
        name: text for name, text in os.environ.items() if real_aws or name in _KEPT or name.startswith(_KEPT_PREFIXES)
    }
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [package_root, environment.get("PYTHONPATH")]))
    environment.setdefault("MALLOC_ARENA_MAX", "2")  # glibc's arena for each thread would cost tens of megabytes
    if real_aws and (region := _own_region()):
        environment |= {"AWS_REGION": region, "AWS_DEFAULT_REGION": region}
    return environment


def _own_region() -> str | None:
    """The Region that the user's AWS configuration names; without it functions would be in the embedded one's."""
    import boto3

    return os.environ.get("AWS_REGION") or boto3.Session().region_name


def _wait_until_ready(server: subprocess.Popen[bytes], ready: Path, log: Path, home: Path) -> EmbeddedAws:
    deadline = time.monotonic() + _READY_WITHIN_S
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, ValueError, KeyError):
            return read_ready_file(ready, home)
        if server.poll() is not None:
            break
        time.sleep(0.02)
    what = "ended at once" if server.poll() is not None else f"was not ready after {_READY_WITHIN_S:.0f} s"
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:] if log.exists() else []
    raise EmbeddedAwsFailed(
        f"The embedded AWS {what}.",
        hint="If the port is in use, stop the program that has it; else report this with the end of its log:\n"
        + "\n".join(lines),
    )


def _end(server: subprocess.Popen[bytes]) -> None:
    if server.poll() is None:
        server.terminate()
    try:
        server.wait(_END_WITHIN_S)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


_WITHOUT_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def _identify(endpoint_url: str) -> dict[str, Any] | None:
    """Ask who answers at an address; ``None`` when it is nobody, or not an embedded AWS of ours."""
    try:
        with _WITHOUT_PROXY.open(f"{endpoint_url}{_STATUS_PATH}", timeout=5) as response:
            answer = json.load(response)
    except (OSError, ValueError, urllib.error.URLError):
        return None
    return answer if isinstance(answer, dict) else None
