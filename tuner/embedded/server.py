"""The embedded AWS as one process: ``python -m tuner.embedded.server --home DIR --port N --ready-file F``.

Holds the account (moto, patched), runs its functions (the execution host),
brings events to their rules, fires schedules, and keeps the artifact bucket
in a folder. Listens on loopback only. Ends on SIGTERM, SIGINT, or with the
process named by ``--parent-pid``, and takes every worker with it.
"""

from __future__ import annotations

import argparse
import functools
import gc
import json
import logging
import os
import shutil
import signal
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuner import __version__
from tuner.core.run.bucket_layout import CODE_COPIES
from tuner.embedded import identity
from tuner.embedded.bucket_folder import BucketFolder, sweep
from tuner.embedded.locks import IN_USE, shared, sweep_working_folders, working_folder

if TYPE_CHECKING:
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication

    from tuner.embedded.access import AccessKey, Gate, Refusal
    from tuner.embedded.code_store import CodeStore

LOG = logging.getLogger("tuner.embedded.server")

STATUS_PATH = "/_lambda-tuner/status"
_CODE_PATH = "/_lambda-tuner/code/"
"""The bucket's objects with functions' code: kept beside the server and not in the home, gone with the server."""

_OWN_ENVIRONMENT_BYTES = 75 * 1024 * 1024
_FEWEST_IDLE_OWN, _MOST_IDLE_OWN = 6, 16
"""Suggest, CreateClones and five of Measure take turns in a run; with all twelve kept, no later run starts one anew."""


def most_idle_own_environments(physical_bytes: int) -> int:
    """How many unused environments of the stack's own functions are kept: a sixteenth of the machine's memory.

    >>> most_idle_own_environments(8 * 2**30), most_idle_own_environments(16 * 2**30)
    (6, 13)
    """
    return min(_MOST_IDLE_OWN, max(_FEWEST_IDLE_OWN, physical_bytes // 16 // _OWN_ENVIRONMENT_BYTES))


def main(arguments: list[str] | None = None) -> int:
    """Run the server until it is told to end."""
    options = _options(arguments)
    gc.disable()  # until everything is loaded
    os.umask(0o077)  # what runs leave is for the user alone
    options.home.mkdir(parents=True, exist_ok=True)
    if options.log_file:
        _write_output_to(options.log_file)
    _set_up_logging(options.log_level)
    ending = threading.Event()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signal_number, lambda *_: ending.set())
    if options.parent_pid:
        _end_with_parent(options.parent_pid, ending, options.ready_file and options.ready_file.parent)
    try:
        sweep_working_folders()
        with (
            shared(options.home / IN_USE, when_alone=lambda: sweep(options.home / "bucket")),
            working_folder("lambda-tuner-") as work_dir,
        ):
            _serve(options, work_dir, ending)
    except Exception:
        LOG.exception("the embedded AWS could not start")
        return 1
    return 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tuner.embedded.server", description=__doc__)
    parser.add_argument("--home", type=Path, required=True, help="folder that keeps the artifact bucket")
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--ready-file", type=Path, help="written when requests are answered and the stack is there")
    parser.add_argument("--parent-pid", type=int, help="end when this process ends")
    parser.add_argument("--real-aws", action="store_true", help="functions reach the AWS of this environment")
    parser.add_argument("--no-sandbox", action="store_true", help="let functions write where they like")
    parser.add_argument("--log-file", type=Path, help="takes standard output and standard error")
    parser.add_argument("--log-level", default="INFO", help="DEBUG, INFO, WARNING or ERROR")
    parser.add_argument(
        "--application", type=Path, help="folder with a template.yaml to use instead of the installed one"
    )
    parser.add_argument("--parameter", action="append", default=[], metavar="NAME=VALUE", help="of the template")
    return parser.parse_args(arguments)


def _serve(options: argparse.Namespace, work_dir: Path, ending: threading.Event) -> None:
    """Build the account from the inside out, tell that it is ready, and take it down in the reverse order."""
    users_environment = dict(os.environ) if options.real_aws else None
    _forget_the_users_aws()
    from moto.core.config import default_user_config
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
    from werkzeug.serving import make_server

    default_user_config["stepfunctions"] = {"execute_state_machine": True}
    from tuner.embedded import moto_account, moto_patches
    from tuner.embedded.access import Gate, new_access_key
    from tuner.embedded.code_store import CodeStore
    from tuner.embedded.event_delivery import EventDelivery, ScheduleClock
    from tuner.embedded.functions import FunctionRunner
    from tuner.embedded.host import ExecutionHost
    from tuner.embedded.host.sandbox import NO_SANDBOX, find_sandbox
    from tuner.embedded.host.worker import PHYSICAL_MEMORY_BYTES

    code = CodeStore(work_dir / "code")
    folder = BucketFolder(options.home / "bucket")
    packages = BucketFolder(work_dir / "packages")
    key, key_of_functions = new_access_key(), new_access_key()
    gate = Gate(key, key_of_functions, moto_account.is_issued_key)

    class QuietHandler(MotoRequestHandler):  # type: ignore[misc]
        def log_request(self, code: Any = "-", size: Any = "-") -> None:  # noqa: ARG002 - the name is werkzeug's
            """Log requests at DEBUG only; the client's name says whose they are."""
            target = self.headers.get("X-Amz-Target", "-")
            LOG.debug("%s %s %s %s %s", self.command, self.path, code, target, self.headers.get("User-Agent", "-"))

    application = _with_own_pages(DomainDispatcherApplication(create_backend_app), gate, code, options.home)
    server = make_server("127.0.0.1", options.port, application, threaded=True, request_handler=QuietHandler)
    server.daemon_threads = True  # type: ignore[attr-defined] # of the threaded kind, which make_server chooses
    endpoint_url = f"http://127.0.0.1:{server.port}"
    os.environ["MOTO_PORT"] = str(server.port)
    clients = client_factory(endpoint_url, key)
    make_host = functools.partial(
        ExecutionHost, endpoint_url=endpoint_url, log_sink=moto_account.write_log, cores=identity.core_count()
    )
    own = make_host(
        work_dir=work_dir / "own", access_key=key, most_idle_count=most_idle_own_environments(PHYSICAL_MEMORY_BYTES)
    )
    sandbox = NO_SANDBOX if options.no_sandbox else find_sandbox()
    measured = make_host(
        work_dir=work_dir / "measured",
        cores_lock=options.home / "cores.lock",
        access_key=key_of_functions,
        real_aws=users_environment,
        sandbox=sandbox,
        left_behind=work_dir,
    )
    delivery = EventDelivery(clients)
    clock = ScheduleClock(
        moto_account.scheduled_targets, delivery, started_at=datetime.now(tz=UTC), finished=moto_account.delete_schedule
    )

    def place_of(key: str) -> BucketFolder:
        return packages if key.startswith(CODE_COPIES) else folder

    try:
        runner = FunctionRunner(
            own,
            measured,
            code,
            moto_account.forget_output,
            moto_account.chosen_interpreter,
            {"TUNER_BUCKET_FOLDER": str((options.home / "bucket").resolve())},
        )
        moto_patches.apply(
            moto_patches.Hooks(
                invoke=runner.invoke,
                retire=runner.retire,
                deleted=runner.forget,
                take_snapshot=runner.take_snapshot,
                store_code=code.put,
                code_url=lambda sha256: f"{endpoint_url}{_CODE_PATH}{sha256}.zip",
                memory_cap_mb=identity.memory_cap_mb(),
                is_own_function=identity.is_own_function,
                deliver=delivery.deliver,
                object_written=lambda record: (
                    moto_account.keep_object(place_of(record.name), record)
                    if record.bucket_name == identity.ARTIFACT_BUCKET
                    else None
                ),
                object_deleted=lambda bucket, key: (
                    place_of(key).delete(key) if bucket == identity.ARTIFACT_BUCKET else None
                ),
                # A Lambda task may take fifteen minutes.
                clients=client_factory(endpoint_url, key, read_timeout=16 * 60, parameter_validation=False),
            )
        )
        threading.Thread(target=server.serve_forever, name="http", daemon=True).start()
        _deploy(clients, options)
        restored = moto_account.fill_bucket(folder)
        _expire_every_day(moto_account.expire_objects, ending)
        gc.freeze()  # what is loaded now stays: the collector need not look at it again
        gc.enable()
        clock.start()
        LOG.info("ready at %s; %d objects came back from %s", endpoint_url, restored, options.home)
        if options.ready_file:
            _write_ready_file(
                options.ready_file,
                {
                    "pid": os.getpid(),
                    "endpoint_url": endpoint_url,
                    "not_isolated": sandbox.warning,
                    "version": __version__,
                    "access_key_id": key.access_key_id,
                    "secret_access_key": key.secret_access_key,
                },
            )
        ending.wait()
        LOG.info("ending")
    finally:
        clock.close()
        delivery.close()
        own.close()
        measured.close()
        if options.ready_file:
            _remove_ready_file(options.ready_file)
        threading.Thread(target=server.shutdown, daemon=True).start()
        server.server_close()


def _expire_every_day(expire: Callable[[datetime], Any], ending: threading.Event) -> None:
    """Apply the buckets' life-cycle rules now and every day, as S3 does."""

    def watch() -> None:
        while not ending.is_set():
            try:
                expire(datetime.now(tz=UTC))
            except Exception:
                LOG.exception("the life-cycle rules could not be applied")
            ending.wait(86_400)

    threading.Thread(target=watch, name="life-cycle", daemon=True).start()


def _forget_the_users_aws() -> None:
    """Make this process independent of the user's profiles, credentials, endpoints and proxies."""
    for name in [name for name in os.environ if name.startswith("AWS_") or name.lower().endswith("_proxy")]:
        del os.environ[name]
    os.environ.update(
        AWS_CONFIG_FILE=os.devnull,
        AWS_SHARED_CREDENTIALS_FILE=os.devnull,
        AWS_REGION=identity.REGION,
        AWS_DEFAULT_REGION=identity.REGION,
        AWS_EC2_METADATA_DISABLED="true",
        MOTO_DISABLE_GLOBAL_CORS="1",
    )


def client_factory(endpoint_url: str, key: AccessKey, **options: Any) -> Callable[[str], Any]:
    """Make boto3 clients of the embedded account; each once, for threads to share."""
    making = threading.Lock()

    @functools.cache
    def client(service: str) -> Any:
        import boto3
        from botocore.config import Config

        return boto3.client(  # type: ignore[call-overload]
            service,
            endpoint_url=endpoint_url,
            region_name=identity.REGION,
            aws_access_key_id=key.access_key_id,
            aws_secret_access_key=key.secret_access_key,
            config=Config(
                **{"read_timeout": 120, **options}, retries={"total_max_attempts": 1}, max_pool_connections=64
            ),
        )

    def locked(service: str) -> Any:
        with making:
            return client(service)

    return locked


def _deploy(clients: Callable[[str], Any], options: argparse.Namespace) -> None:
    from tuner.application import application_root
    from tuner.embedded.deploy import deploy_template, deployment_parameters, own_code_archive

    parameters = deployment_parameters(dict(pair.split("=", 1) for pair in options.parameter))
    if options.application:
        deploy_template(clients, options.application, parameters)
    else:
        deploy_template(clients, application_root(), parameters, own_code=own_code_archive())


def _with_own_pages(moto: DomainDispatcherApplication, gate: Gate, code: CodeStore, home: Path) -> Any:
    """Put two pages before moto's, which need a key: whether this server is up, and functions' code by its hash.

    What a web page sends is refused: whoever may create and invoke functions
    here may run any code, and a page that the user looks at can reach loopback.
    """
    from werkzeug.wrappers import Response

    from tuner.embedded.access import UNKNOWN_CALLER, refusal_of_function

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path = str(environ.get("PATH_INFO", ""))
        if not is_from_a_program(environ):
            page = Response("The embedded AWS answers programs on this machine, not web pages.\n", 403)
            return page(environ, start_response)
        if path == STATUS_PATH:
            about = {"pid": os.getpid(), "home": str(home.resolve()), "version": __version__}
            return Response(json.dumps(about), mimetype="application/json")(environ, start_response)
        if path.startswith(_CODE_PATH):
            archive = code.archive(Path(path).stem)
            is_there = archive.is_file() and Path(path).stem.isalnum()
            page = Response(archive.read_bytes(), mimetype="application/zip") if is_there else Response(status=404)
            return page(environ, start_response)
        caller = gate.caller(environ)
        if caller is None:
            return _refuse(environ, start_response, UNKNOWN_CALLER)
        backend = moto.get_application(environ)
        refusal = refusal_of_function(environ, backend.service) if caller == "function" else None
        if refusal:
            return _refuse(environ, start_response, refusal)
        answer: Iterable[bytes] = backend(environ, start_response)
        return answer

    return application


def _refuse(environ: dict[str, Any], start_response: Any, refusal: Refusal) -> Iterable[bytes]:
    """Refuse as the services do, which speak JSON or XML; botocore reads the one that its request was made in."""
    from werkzeug.wrappers import Response

    is_json = "HTTP_X_AMZ_TARGET" in environ or "json" in str(environ.get("CONTENT_TYPE", ""))
    if is_json or str(environ.get("PATH_INFO", "")).startswith("/20"):  # REST APIs' dates: /2015-03-31/functions
        kind, body = "application/json", json.dumps({"__type": refusal.code, "message": refusal.message})
    else:
        error = f"<Error><Code>{refusal.code}</Code><Message>{refusal.message}</Message></Error>"
        is_s3 = "/s3/" in str(environ.get("HTTP_AUTHORIZATION", ""))
        kind, body = "text/xml", error if is_s3 else f"<ErrorResponse>{error}</ErrorResponse>"
    return Response(body, 403, {"Content-Type": kind, "x-amzn-errortype": refusal.code})(environ, start_response)


def is_from_a_program(environ: Mapping[str, Any]) -> bool:
    """Tell a request of boto3 or the AWS CLI from one that a web page makes a browser send.

    Browsers name a page's origin with everything but plain reading; a page
    that points its own name at this machine (DNS rebinding) gives itself away
    by the host that it asks for. To look at an object in a browser is allowed.
    """
    host = str(environ.get("HTTP_HOST", "")).rsplit(":", 1)[0].strip("[]").lower()
    is_local = host in ("127.0.0.1", "localhost", "::1") or host.endswith(".localhost")
    return (
        is_local
        and "HTTP_ORIGIN" not in environ
        and environ.get("HTTP_SEC_FETCH_SITE", "none") in ("none", "same-origin")
    )


def _write_ready_file(path: Path, content: Mapping[str, Any]) -> None:
    """Write how to reach this server, for the user alone: the key is in it."""
    descriptor, unfinished = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(content, file)
    Path(unfinished).replace(path)


def _remove_ready_file(path: Path) -> None:
    """Remove the file that this server wrote; never another one's."""
    try:
        if json.loads(path.read_text(encoding="utf-8")).get("pid") == os.getpid():
            path.unlink()
    except (OSError, ValueError):
        LOG.debug("there is no ready file to remove")


def _end_with_parent(parent_pid: int, ending: threading.Event, folder: Path | None) -> None:
    """End when the parent does: a killed command or test must leave no server behind, nor its *folder*."""
    import psutil

    try:
        parent = psutil.Process(parent_pid)
    except psutil.NoSuchProcess:
        ending.set()
        return

    def watch() -> None:
        while not ending.wait(0.5):
            if not parent.is_running() or parent.status() == psutil.STATUS_ZOMBIE:
                if folder is not None:  # which the parent made and can no longer remove
                    shutil.rmtree(folder, ignore_errors=True)
                ending.set()

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


def _write_output_to(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
            os.dup2(file.fileno(), stream.fileno())


def _set_up_logging(level: str) -> None:
    """Log our own parts; moto's, Flask's and werkzeug's only when they fail."""
    logging.basicConfig(level=level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for name, quiet in (
        ("moto", logging.ERROR),
        ("werkzeug", logging.ERROR),
        ("samtranslator", logging.WARNING),
        ("botocore", logging.WARNING),
    ):
        logging.getLogger(name).setLevel(quiet)
    warnings.filterwarnings("ignore", module="moto")


if __name__ == "__main__":
    sys.exit(main())
