"""The whole application in one process: moto behind the seam, handlers as plain calls, a target that only reports.

Nothing here opens a socket or starts a thread before a run begins, so that a
process that has built the world may fork: each cell of the matrix gets a copy
of it, and leaves nothing to the next.
"""

from __future__ import annotations

import contextvars
import functools
import gc
import importlib
import json
import logging
import math
import os
import queue
import sys
import tempfile
import threading
import time
import types
import uuid
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.faults.record import Deleted, Made, Marked, Ran, Record, Restoration
from tests.rough_search import search_roughly

ENDPOINT = "http://127.0.0.1:9"
"""Nobody listens there: what does not go through the seam fails."""

TARGET = "orders"
PROCESSOR = "tables"
"""A function of the user's own that a request may name, as the template's parameter lists it."""
PROCESSOR_ARN = f"arn:aws:lambda:us-east-1:123456789012:function:{PROCESSOR}"
THEIRS = {TARGET, PROCESSOR}
_WAIT_RATIO = 0.001
_ENDS_WITHIN_S = 150.0
_TURN_COMES_WITHIN_S = 60.0
_LOOKS_AGAIN_AFTER_S = 1.0
_QUIET_LOOKS = 4
"""An execution's status changes a moment before its event is there."""

_PICTURE = '<svg class="marks" width="1" height="1" viewBox="0 0 1 1" xmlns="http://www.w3.org/2000/svg"></svg>'

_real_sleep = time.sleep


def _short_sleep(seconds: float) -> None:
    _real_sleep(seconds * _WAIT_RATIO)


CALLER: contextvars.ContextVar[Caller | None] = contextvars.ContextVar("caller", default=None)
"""The handler on whose behalf this thread runs."""


class Killed(BaseException):
    """Ends a handler as a signal would: no ``except Exception`` of its own sees it."""

    def __init__(self, error_type: str, message: str) -> None:
        self.error_type = error_type
        self.message = message
        super().__init__(message)


class Caller:
    """One invocation of one of the stack's own functions."""

    def __init__(self, function: str, visit: int, role: str) -> None:
        self.function = function
        self.role = role
        self.visit = visit
        self.calls = 0
        self.dead: Killed | None = None


class World:
    """The deployed application, its target, and what a test may do to them."""

    def __init__(self, folder: Path, *, parameters: dict[str, str] | None = None) -> None:
        self.around_call: Callable[[Caller, int, Any, Callable[[], Any]], Any] = lambda caller, n, call, go: go()
        self.around_visit: Callable[[Caller, Callable[[], Any]], Any] = lambda caller, go: go()
        self.state_entered: Callable[[str, str], None] = lambda execution, state: None
        self.time_out_s: Callable[[str, float], float] = lambda state, seconds: seconds
        self.guard: Callable[[Any, Callable[[], Any]], Any] = lambda call, forward: forward()
        """Stands between every call and the account, whoever makes it."""
        self.clock_ahead = timedelta(0)
        self.record = Record()
        self.invoked: dict[str, int] = {}
        """How often each function that is not the stack's own was run."""
        self.target_fails = False
        self.tail_is_cut = False
        """Whether responses have no tail, so that records are found in the log alone."""
        self.events_are_lost = False
        self.left_by_the_run: list[str] | None = None
        """What was there of a run when its execution had ended, before an event told of it."""
        self.disturbed = False
        """Whether somebody else did something while the run went on."""
        self.snapshot_disturbed: dict[str, Any] = {}
        self.swept = False
        """Whether the sweeper came as part of the story."""
        self.broken: set[str] = set()
        """Short names of the stack's functions that cannot run."""
        self.stop_at: tuple[str, int] | None = None
        """A state of ``tune`` and for which time it is entered when somebody stops the execution."""
        self.expire_at: tuple[str, int] | None = None
        """A state of ``tune`` and for which time it is entered when the copied code expires by the bucket's rule."""
        self.visits: dict[str, int] = {}
        self._entries: dict[str, int] = {}
        self._resumed = threading.Event()
        self._turns: dict[tuple[str, int], float] = {}
        """Of each batch of a run: how many turns it has had; infinite when it is measured."""
        self._turn_ended = threading.Condition()
        self._active = 0
        self._counting = threading.Lock()
        self._events: queue.Queue[tuple[Any, Any]] = queue.Queue()
        self._clients: dict[tuple[str | None, str], Any] = {}
        self._sessions: dict[str, dict[str, str]] = {}
        self._building = threading.RLock()
        self._rehearsed = False
        _prepare_process()
        self._start(folder, parameters or {})

    # --- building -----------------------------------------------------------------------------------------------

    def _start(self, folder: Path, parameters: dict[str, str]) -> None:
        import boto3
        from moto.core.config import default_user_config
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

        default_user_config["stepfunctions"] = {"execute_state_machine": True}
        from tests.faults import interpreter, seam
        from tuner.application import application_root
        from tuner.embedded import identity, moto_patches
        from tuner.embedded.code_store import CodeStore
        from tuner.embedded.deploy import deploy_template
        from tuner.embedded.packing import pack_folder
        from tuner.embedded.server import is_from_a_program  # noqa: F401 - the package's parts load together

        code = CodeStore(folder / "code")
        moto = DomainDispatcherApplication(create_backend_app)

        def application(environ: dict[str, Any], start_response: Any) -> Any:
            path = environ["PATH_INFO"]
            if path.startswith("/_package/"):
                start_response("200 OK", [("Content-Type", "application/zip")])
                return [code.archive(Path(path).stem).read_bytes()]
            return moto(environ, start_response)

        self._application = application
        self._seam = seam
        self._make_client = boto3.client
        moto_patches.apply(
            moto_patches.Hooks(
                invoke=self._invoke,
                retire=lambda arn: None,
                store_code=code.put,
                code_url=lambda sha256: f"{ENDPOINT}/_package/{sha256}.zip",
                memory_cap_mb=10_240,
                is_own_function=identity.is_own_function,
                clients=self.client,
                deliver=lambda target, event: self._events.put((target, event)),
                object_written=lambda record: None,
                object_deleted=lambda bucket, key: None,
            )
        )
        interpreter.watch_interpreter(
            entered=self._entered,
            time_out_s=lambda state, seconds: self.time_out_s(state, seconds),
            pause=_short_sleep,
        )
        interpreter.use_interpreter_clients(lambda service, role: self.client(service, role))
        boto3.client = lambda service, **options: _ForCaller(self, service, options)
        seam.open_packages(application, self._through_seam)
        source = folder / "target"
        source.mkdir()
        (source / "app.py").write_text("def handler(event, context): ...\n")
        deploy_template(
            self.client,
            application_root(),
            {"MemoryCapMb": "10240", "ProcessorFunctions": PROCESSOR_ARN, **parameters},
            own_code=pack_folder(source),
        )
        self.identity = identity
        self.bucket = identity.ARTIFACT_BUCKET
        self._deploy_target(pack_folder(source))
        self._load_handlers()
        self._functions_of_states = dict(self._tasks())
        self.schedule_roles = dict(self._schedules())
        """Of every schedule that invokes a function: the function's short name, and the role it does so with."""
        self._warm_up()
        gc.collect()
        gc.freeze()

    def _warm_up(self) -> None:
        """Do once, before any copy is made, what each would do at its first need: a fifth of its time."""
        from moto import backends
        from moto.core import errors, responses
        from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser

        from tuner.aws.clients import client

        modules = tuple(backends.list_of_moto_modules())
        backends.list_of_moto_modules = lambda: modules  # read from the disk for each call of the account
        lookups = errors.ErrorLookupFactory()
        errors.ErrorLookupFactory = lambda: lookups  # made anew for each error
        responses.method_names_from_class = functools.cache(responses.method_names_from_class)
        for row in self.own_functions():
            token = CALLER.set(Caller(row["FunctionName"], 0, row["Role"]))
            for service in ("lambda", "logs", "s3"):
                assert client(service).meta  # made for the caller when it is looked at
            CALLER.reset(token)
        parse = AmazonStateLanguageParser.parse
        definitions = [self._definition(machine) for machine in ("tune", "restore")]
        ahead = {definition: [parse(definition) for _ in range(3)] for definition in definitions}
        # Each execution has a program of its own, as ever; the first few were read from their definition beforehand.
        AmazonStateLanguageParser.parse = lambda text: ahead[text].pop() if ahead.get(text) else parse(text)
        for module in ("numpy.random", "tuner.embedded.event_delivery", "tuner.embedded.functions"):
            importlib.import_module(module)
        # What a service needs is loaded with the first call of it.
        self.client("cloudwatch").list_metrics()
        self.client("logs").describe_log_groups()

    def rehearse(self) -> None:
        """Play a run before copies are made, which loads what its steps need, and forget it: a fifth of each's time."""
        from moto.logs.models import logs_backends

        if self._rehearsed:
            return
        self._rehearsed = True
        self.start(
            "tune", {"lambdaARN": TARGET, "memory": [256, 512], "budget": {"maxInvocations": 4}}, name="rehearsal"
        )
        self.settle()
        for thread in threading.enumerate():
            if thread is not threading.current_thread():
                thread.join(_ENDS_WITHIN_S)
        assert threading.active_count() == 1, "a process with threads must not be copied"
        # What a broken product leaves is forgotten too: the copies are to tell of it.
        for name in set(self.functions()) - set(THEIRS):
            self.client("lambda").delete_function(FunctionName=name)
        for key in self.stored():
            self.client("s3").delete_object(Bucket=self.bucket, Key=key)
        for machine in self._machines():
            machine.executions.clear()
        for group in logs_backends[self.identity.ACCOUNT_ID][self.identity.REGION].groups.values():
            group.streams.clear()
        self.record, self.invoked, self.visits, self._turns = Record(), {}, {}, {}
        gc.collect()
        gc.freeze()

    def _schedules(self) -> Iterator[tuple[str, str]]:
        from tuner.embedded.moto_account import scheduled_targets

        for schedule in scheduled_targets():
            if ":function:" in schedule.target["Arn"]:
                function = schedule.target["Arn"].rsplit(":", 1)[-1]
                yield function.removeprefix(f"{self.identity.STACK}-"), schedule.target["RoleArn"]

    def _tasks(self) -> Iterator[tuple[str, str]]:
        for machine in ("tune", "restore"):
            for name, state in self.states(machine).items():
                if ":function:" in state.get("Resource", ""):
                    yield name, state["Resource"].rsplit(":", 1)[-1]

    def states(self, machine: str) -> dict[str, dict[str, Any]]:
        """The states of a deployed machine, those inside a Map too."""
        found: dict[str, dict[str, Any]] = {}

        def walk(states: dict[str, Any]) -> None:
            for name, state in states.items():
                found[name] = state
                walk(state.get("ItemProcessor", {}).get("States", {}))

        walk(json.loads(self._definition(machine))["States"])
        return found

    def _definition(self, machine: str) -> str:
        arn = self.identity.state_machine_arn(machine)
        return str(self.client("stepfunctions").describe_state_machine(stateMachineArn=arn)["definition"])

    def _deploy_target(self, archive: bytes) -> None:
        """A function with everything that a run could disturb: versions, an alias, a policy, tags, a reserve."""
        functions = self.client("lambda")
        role = self.client("iam").create_role(RoleName="orders", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        functions.create_function(
            FunctionName=TARGET,
            Runtime="python3.13",
            Handler="app.handler",
            Role=role,
            Code={"ZipFile": archive},
            MemorySize=512,
            Timeout=5,
            Environment={"Variables": {"SECRET": "not to be told"}},
            Tags={
                "team": "orders",
                "lambda-tuner": "enabled",
                "lambda-tuner:payload": f"s3://{self.bucket}/payloads/orders.json",
            },
            Architectures=["arm64"],
        )
        version = functions.publish_version(FunctionName=TARGET)["Version"]
        functions.create_alias(FunctionName=TARGET, Name="live", FunctionVersion=version)
        functions.add_permission(
            FunctionName=TARGET, StatementId="s3", Action="lambda:InvokeFunction", Principal="s3.amazonaws.com"
        )
        functions.put_function_concurrency(FunctionName=TARGET, ReservedConcurrentExecutions=100)
        functions.create_function(
            FunctionName=PROCESSOR, Runtime="python3.13", Handler="app.handler", Role=role, Code={"ZipFile": archive}
        )

    def _load_handlers(self) -> None:
        self.handlers: dict[str, Callable[[Any, Any], Any]] = {}
        for row in self.own_functions():
            self._credentials(row["Role"])
            for name, value in row["Environment"]["Variables"].items():
                known = os.environ.setdefault(name, value)
                assert known == value, f"{name} differs between functions: handlers share one process here"
            module, attribute = row["Handler"].rsplit(".", 1)
            self.handlers[row["FunctionName"]] = getattr(importlib.import_module(module), attribute)
        entry = importlib.import_module("tuner.handlers._entry")
        real_now = entry.now

        def now() -> datetime:
            return real_now() + self.clock_ahead

        for handler in {*self.handlers.values()}:
            module = importlib.import_module(handler.__module__)
            for one in (module, entry):
                if getattr(one, "now", None) is real_now:
                    one.now = now
        steps = importlib.import_module("tuner.steps.measure")
        steps.ThreadPoolExecutor = _PoolOfCaller
        search_roughly(_set)
        # A fifth of a second for each picture, and of no interest here.
        sys.modules["vl_convert"] = types.SimpleNamespace(vegalite_to_svg=lambda spec, **_: _PICTURE)  # type: ignore[assignment]

    # --- clients ------------------------------------------------------------------------------------------------

    def client(self, service: str, role: str | None = None, **options: Any) -> Any:
        """A boto3 client of the account, with the credentials of a role (its ARN) or of its owner; made once."""
        config = options.setdefault("config", _one_try())
        key = (role, f"{service} {config.read_timeout} {config.retries}")
        with self._building:
            if key not in self._clients:
                made = self._make_client(
                    service,
                    region_name="us-east-1",
                    endpoint_url=ENDPOINT,
                    **self._credentials(role),
                    **options,
                )
                self._clients[key] = self._seam.connect(made, self._application, self._through_seam)
            return self._clients[key]

    def _credentials(self, role: str | None) -> dict[str, str]:
        if role is None:
            return {"aws_access_key_id": "AKIATEST", "aws_secret_access_key": "secret"}
        if role not in self._sessions:
            self._sessions[role] = self._assume(role)
        return self._sessions[role]

    def _assume(self, role: str) -> dict[str, str]:
        given = self.client("sts").assume_role(RoleArn=role, RoleSessionName="session")["Credentials"]
        return {
            "aws_access_key_id": given["AccessKeyId"],
            "aws_secret_access_key": given["SecretAccessKey"],
            "aws_session_token": given["SessionToken"],
        }

    def _through_seam(self, call: Any, forward: Callable[[], Any]) -> Any:
        caller = CALLER.get()
        if caller is None:
            return self.guard(call, forward)
        if caller.dead:
            raise caller.dead
        if call.attempt == 1:
            caller.calls += 1

        def go() -> Any:
            token = CALLER.set(None)
            try:
                answer = self.guard(call, forward)
                if answer.status < 300:
                    self._note(caller, call)
                return answer
            finally:
                CALLER.reset(token)

        return self.around_call(caller, caller.calls, call, go)

    def _note(self, caller: Caller, call: Any) -> None:
        """Write down what a step's call has just done."""
        path = urlsplit(call.url).path
        by = (caller.function, caller.visit)
        now = (datetime.now(UTC) + self.clock_ahead).isoformat()
        match call.service, call.operation:
            case "lambda", "CreateFunction":
                asked = json.loads(call.body)
                tags, name = asked.get("Tags") or {}, asked["FunctionName"]
                run = tags.get("lambda-tuner:run")
                plan = self.object(f"runs/{run}/plan.json") or {}
                self.record.made[name] = Made(
                    run=run,
                    expires_at=tags.get("lambda-tuner:expires", ""),
                    made_at=now,
                    planned=name in {step["name"] for step in plan.get("steps", ())},
                )
            case "lambda", "DeleteFunction":
                self.record.deleted.append(Deleted(path.rstrip("/").rsplit("/", 1)[-1], by))
            case "s3", "PutObject":
                *_, run, name = path.split("/")
                if run == "open" and caller.function.endswith("-plan"):
                    mark = self.object(f"open/{name}") or {}
                    self.record.marks.append(Marked(name.removesuffix(".json"), mark.get("expires_at", ""), now))
                if name == "plan.json" and caller.function.endswith("-plan"):
                    self.record.target_when_planned[run] = self.snapshot()
                elif name == "report.json":
                    self.record.told[run] = len(self.record.restorations)
                elif name == "restore.json":
                    says = self.object(f"runs/{run}/{name}")
                    there = frozenset(self.functions())
                    self.record.restorations.append(Restoration(run, by, says, there, self.snapshot()))

    # --- running functions --------------------------------------------------------------------------------------

    def _invoke(self, function: Any, event: bytes, client_context: str | None, trace_id: str | None) -> Any:
        request_id = str(uuid.uuid4())
        name = function.function_name
        if name not in self.handlers:
            return self._run_target(function, request_id)
        with self._counting:
            self._active += 1
        try:
            if name == "lambda-tuner-measure":
                return self._in_turn(event, lambda: self._run_handler(name, function, event, request_id))
            return self._run_handler(name, function, event, request_id)
        finally:
            with self._counting:
                self._active -= 1

    def _in_turn(self, event: bytes, measure: Callable[[], Any]) -> Any:
        """Let a round's batches take turns in their order: else it were chance which of them makes which call.

        All of them are in flight, as in an account. One that never comes, as
        its execution has ended, keeps the others waiting until that is seen.
        """
        given = json.loads(event)
        run, own = given["runId"], given["batch"]["trial"]
        rows = self.object(f"runs/{run}/rounds/{given['batch']['round']:03d}.json") or []

        def turn_of(trial: int) -> tuple[float, int]:
            return self._turns.get((run, trial), 0), trial

        deadline = time.monotonic() + _TURN_COMES_WITHIN_S
        with self._turn_ended:
            while not self._turn_ended.wait_for(
                lambda: all(turn_of(row["trial"]) >= turn_of(own) for row in rows), _LOOKS_AGAIN_AFTER_S
            ):
                if not self._is_running(run) or time.monotonic() > deadline:
                    break
        turns: float = turn_of(own)[0] + 1
        try:
            result = measure()
            turns = turns if result.function_error else math.inf
        finally:
            with self._turn_ended:
                self._turns[run, own] = turns
                self._turn_ended.notify_all()
        return result

    def _is_running(self, run: str) -> bool:
        executions = [one for machine in self._machines() for one in machine.executions]
        return any(one.name == run and one.status == "RUNNING" for one in executions)

    def _run_handler(self, name: str, function: Any, event: bytes, request_id: str) -> Any:
        from moto.awslambda.exceptions import LambdaClientError

        with self._counting:
            self.visits[name] = visit = self.visits.get(name, 0) + 1
        caller = Caller(name, visit, function.role)
        token = CALLER.set(caller)
        try:
            if name.removeprefix("lambda-tuner-") in self.broken:
                raise Killed("Runtime.ExitError", "Error: Runtime exited with error: signal: killed")
            result = self.around_visit(caller, lambda: self._handle(name, function, event, request_id))
            return _answer(request_id, json.dumps(result).encode(), None, "")
        except LambdaClientError:
            raise
        except Killed as killed:
            caller.dead = killed
            body = {"errorType": killed.error_type, "errorMessage": f"RequestId: {request_id} {killed.message}"}
        except Exception as error:  # noqa: BLE001 - a handler's exception is Lambda's answer
            body = {"errorType": type(error).__name__, "errorMessage": str(error), "stackTrace": []}
        finally:
            CALLER.reset(token)
        return _answer(request_id, json.dumps(body).encode(), "Unhandled", "")

    def _entered(self, execution: str, state: str) -> None:
        if (self.stop_at or self.expire_at) and "-tune:" in execution:
            self._entries[state] = self._entries.get(state, 0) + 1
            if (state, self._entries[state]) == self.stop_at:
                self.stop(execution)
            if (state, self._entries[state]) == self.expire_at:
                self._expire_code()
        self.state_entered(execution, state)

    def _handle(self, name: str, function: Any, event: bytes, request_id: str) -> Any:
        deadline = time.monotonic() + float(function.timeout)
        context = types.SimpleNamespace(
            function_name=name,
            function_version="$LATEST",
            invoked_function_arn=function.function_arn.removesuffix(":$LATEST"),
            memory_limit_in_mb=int(function.memory_size),
            aws_request_id=request_id,
            log_group_name=function.logs_group_name,
            log_stream_name="stream",
            get_remaining_time_in_millis=lambda: int(1000 * (deadline - time.monotonic())),
        )
        return json.loads(json.dumps(self.handlers[name](json.loads(event), context)))

    def _run_target(self, function: Any, request_id: str) -> Any:
        """Report what a function that is half bound by CPU would take at this size; run nothing."""
        from tuner.embedded.moto_account import write_log

        name, memory_mb = function.function_name, int(function.memory_size)
        if name == PROCESSOR:
            return _answer(request_id, b"{}", None, "")
        with self._counting:
            self.invoked[name] = count = self.invoked.get(name, 0) + 1
        # No two numbers of a record are alike, so that none can stand for another.
        init_ms = 101.5 + memory_mb / 1024 if count == 1 else None
        duration_ms = round(40 + 60_000 / memory_mb + (count * 7 % 5) + 0.13, 2)
        ran = self.record.ran[request_id] = Ran(
            function=name,
            memory_mb=memory_mb,
            architecture=str(function.architectures[0]),
            duration_ms=duration_ms,
            billed_ms=math.ceil(duration_ms + (init_ms or 0)),
            init_ms=None if init_ms is None else round(init_ms, 2),
            max_memory_used_mb=60 + count,
            failed=self.target_fails,
        )
        init = "" if ran.init_ms is None else f"\tInit Duration: {ran.init_ms:.2f} ms"
        lines = [
            f"START RequestId: {request_id} Version: $LATEST\n",
            f"END RequestId: {request_id}\n",
            f"REPORT RequestId: {request_id}\tDuration: {duration_ms:.2f} ms\tBilled Duration: {ran.billed_ms} ms"
            f"\tMemory Size: {memory_mb} MB\tMax Memory Used: {ran.max_memory_used_mb} MB{init}\t\n",
        ]
        moment = int(time.time() * 1000)
        if self.target_fails:
            lines.insert(1, "[ERROR] KeyError: 'order'\n")
        write_log(function.logs_group_name, f"2026/11/24/{name}[$LATEST]1", [(moment, line) for line in lines])
        failed = (
            json.dumps({"errorType": "KeyError", "errorMessage": "'order'"}).encode() if self.target_fails else None
        )
        tail = "" if self.tail_is_cut else "".join(lines)
        return _answer(request_id, failed or b"{}", "Unhandled" if failed else None, tail)

    def own_functions(self) -> list[dict[str, Any]]:
        """The stack's own functions, as Lambda lists them."""
        pages = self.client("lambda").get_paginator("list_functions").paginate()
        return [
            row for page in pages for row in page["Functions"] if self.identity.is_own_function(row["FunctionName"])
        ]

    # --- running executions -------------------------------------------------------------------------------------

    def start(self, machine: str, event: Any, *, name: str | None = None) -> str:
        """Start an execution of ``tune``, ``restore`` or ``nightly``; gives its ARN."""
        answer = self.client("stepfunctions").start_execution(
            stateMachineArn=self.identity.state_machine_arn(machine),
            input=json.dumps(event),
            **({"name": name} if name else {}),
        )
        return str(answer["executionArn"])

    def stop(self, execution_arn: str) -> None:
        """Stop an execution, as a user does."""
        self.client("stepfunctions").stop_execution(executionArn=execution_arn)

    def end_time_of(self, execution_arn: str) -> None:
        """Let the time that an execution may take be over."""
        from tests.faults.interpreter import end_time_of

        end_time_of(execution_arn)

    def describe(self, execution_arn: str) -> dict[str, Any]:
        """Describe an execution."""
        return dict(self.client("stepfunctions").describe_execution(executionArn=execution_arn))

    def executions(self, machine: str) -> list[dict[str, Any]]:
        """Every execution of a machine."""
        arn = self.identity.state_machine_arn(machine)
        return list(self.client("stepfunctions").list_executions(stateMachineArn=arn)["executions"])

    def execution_arn(self, machine: str, name: str) -> str:
        """Name an execution."""
        return f"{self.identity.state_machine_arn(machine).replace(':stateMachine:', ':execution:')}:{name}"

    def stop_running(self) -> None:
        """Stop every execution that runs."""
        for row in [*self.executions("tune"), *self.executions("restore")]:
            if row["status"] == "RUNNING":
                self.stop(row["executionArn"])

    def pause(self) -> None:
        """Hold the handler of this thread until everything else has come to its end."""
        self._resumed.wait(_ENDS_WITHIN_S)

    def settle_with_pauses(self) -> None:
        """Wait for the end of all executions, then let go on what was held, and wait for its end."""
        self.settle(handlers_too=False)
        self._resumed.set()
        self.settle()

    def settle(self, *, handlers_too: bool = True) -> None:
        """Deliver events, and wait until nothing runs any more.

        Raises:
            TimeoutError: Something still ran after 150 seconds, far more than a busy machine needs.
        """
        deadline = time.monotonic() + _ENDS_WITHIN_S
        quiet = 0
        while time.monotonic() < deadline:
            self._deliver_events()
            quiet = 0 if self._is_busy(handlers_too) else quiet + 1
            if quiet == _QUIET_LOOKS:
                return
            _real_sleep(0.01)
        raise TimeoutError("something still runs")

    def _is_busy(self, handlers_too: bool) -> bool:
        executions = [one for machine in self._machines() for one in list(machine.executions)]
        running = any(one.status == "RUNNING" for one in executions)
        return running or not self._events.empty() or bool(handlers_too and self._active)

    def _machines(self) -> list[Any]:
        from moto.stepfunctions.parser.models import stepfunctions_parser_backends

        return list(stepfunctions_parser_backends[self.identity.ACCOUNT_ID][self.identity.REGION].state_machines)

    def function_of(self, state: str) -> str | None:
        """The function that a state of ``tune`` or ``restore`` invokes."""
        return self._functions_of_states.get(state)

    def _deliver_events(self) -> None:
        from tuner.embedded.event_delivery import transformed_input

        while not self._events.empty():
            target, event = self._events.get()
            if self.left_by_the_run is None:
                self.left_by_the_run = self.left()
            if not self.events_are_lost:
                self.client("stepfunctions", target.get("RoleArn")).start_execution(
                    stateMachineArn=target["Arn"], input=transformed_input(target, event)
                )

    def invoke(self, function: str, event: Any) -> dict[str, Any]:
        """Invoke one of the stack's own functions, as its schedule does; gives its answer or its error."""
        from botocore.exceptions import ClientError

        try:
            answer = self.client("lambda", self.schedule_roles.get(function)).invoke(
                FunctionName=f"{self.identity.STACK}-{function}", Payload=json.dumps(event).encode()
            )
        except ClientError as error:
            return {"errorType": error.response["Error"]["Code"]}
        return dict(json.loads(answer["Payload"].read()) or {})

    def next_day(self) -> None:
        """Let the handlers' clock be a day later."""
        self.clock_ahead += timedelta(days=1)

    def _expire_code(self) -> None:
        """Let the copied code be as old as the bucket's rule lets it become, and the rule be applied."""
        from tuner.embedded.moto_account import expire_objects

        now = datetime.now(UTC)
        for record in self._bucket_keys().values():
            if record.name.startswith("clones/"):
                record.last_modified = (now - timedelta(days=3)).replace(tzinfo=None)
        assert expire_objects(now), "no rule lets the code expire"

    # --- what is there ------------------------------------------------------------------------------------------

    def _bucket_keys(self) -> Any:
        from moto.s3.models import s3_backends

        return s3_backends[self.identity.ACCOUNT_ID]["aws"].buckets[self.bucket].keys

    def stored(self) -> list[str]:
        """Every key of the artifact bucket."""
        return sorted(self._bucket_keys())

    def object(self, key: str) -> Any | None:
        """A JSON object of the artifact bucket; ``None`` where there is none."""
        found = self._bucket_keys().get(key)
        return None if found is None else json.loads(found.value)

    def functions(self) -> list[str]:
        """The names of all functions that are not the stack's own."""
        pages = self.client("lambda").get_paginator("list_functions").paginate()
        names = [row["FunctionName"] for page in pages for row in page["Functions"]]
        return [name for name in names if name not in self.handlers]

    def left(self) -> list[str]:
        """What is there of runs and should not stay: temporary functions and the marks of open runs."""
        marks = [key for key in self.stored() if "/open/" in f"/{key}"]
        return [name for name in self.functions() if name not in THEIRS] + marks

    def snapshot(self) -> dict[str, Any]:
        """Everything that can be read of the target, by our own hand and not the product's; nothing if it is gone."""
        functions = self.client("lambda")
        if TARGET not in self.functions():
            return {}
        arn = functions.get_function(FunctionName=TARGET)["Configuration"]["FunctionArn"]
        read = {
            "function": functions.get_function(FunctionName=TARGET),
            "versions": functions.list_versions_by_function(FunctionName=TARGET),
            "aliases": functions.list_aliases(FunctionName=TARGET),
            "policy": functions.get_policy(FunctionName=TARGET),
            "tags": functions.list_tags(Resource=arn),
            "concurrency": functions.get_function_concurrency(FunctionName=TARGET),
            "mappings": functions.list_event_source_mappings(FunctionName=TARGET),
            "logs": self.client("logs").describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{TARGET}"),
        }
        for answer in read.values():
            answer.pop("ResponseMetadata", None)
        return dict(json.loads(json.dumps(read, default=str, sort_keys=True)))


class _ForCaller:
    """A boto3 client that acts for whichever handler uses it: with that function's own credentials."""

    def __init__(self, world: World, service: str, options: dict[str, Any]) -> None:
        self._world, self._service, self._options = world, service, options

    def __getattr__(self, name: str) -> Any:
        caller = CALLER.get()
        client = self._world.client(self._service, caller.role if caller else None, **self._options)
        return getattr(client, name)


class _PoolOfCaller(ThreadPoolExecutor):
    """Threads that run on behalf of the handler that started them."""

    def map(self, function: Callable[..., Any], *rows: Any, **options: Any) -> Iterator[Any]:
        caller = CALLER.get()

        def run(*values: Any) -> Any:
            CALLER.set(caller)
            return function(*values)

        return super().map(run, *rows, **options)

    def submit(self, function: Callable[..., Any], /, *values: Any, **options: Any) -> Any:
        caller = CALLER.get()

        def run() -> Any:
            CALLER.set(caller)
            return function(*values, **options)

        return super().submit(run)


def _answer(request_id: str, payload: bytes, function_error: str | None, log_tail: str) -> Any:
    """What Lambda's Invoke answers of an invocation; its figures are in the log alone."""
    from tuner.embedded.host.model import InvocationResult

    status = "success" if function_error is None else "error"
    return InvocationResult(
        request_id, status, 0.0, 0, 0, 0,
        payload=payload, function_error=function_error, cold=False, environment_id="", log_stream="", log_tail=log_tail,
    )  # fmt: skip


def _set(name: str, value: object) -> None:
    module, _, attribute = name.rpartition(".")
    loaded = importlib.import_module(module)
    assert hasattr(loaded, attribute), name
    setattr(loaded, attribute, value)


def _one_try() -> Any:
    from botocore.config import Config

    return Config(retries={"total_max_attempts": 1})


def _prepare_process() -> None:
    """Set the environment and the pace before anything of the product is loaded."""
    for name in [name for name in os.environ if name.startswith("AWS_") or name.lower().endswith("_proxy")]:
        del os.environ[name]
    os.environ.update(
        AWS_ENDPOINT_URL=ENDPOINT,
        AWS_REGION="us-east-1",
        AWS_DEFAULT_REGION="us-east-1",
        AWS_CONFIG_FILE=os.devnull,
        AWS_SHARED_CREDENTIALS_FILE=os.devnull,
        AWS_EC2_METADATA_DISABLED="true",
        MOTO_PORT="9",
        POWERTOOLS_TRACE_DISABLED="1",
        POWERTOOLS_METRICS_DISABLED="1",
        OPENBLAS_NUM_THREADS="1",
    )
    logging.disable(logging.CRITICAL)
    warnings.filterwarnings("ignore", message="No application metrics to publish")
    time.sleep = _short_sleep


@contextmanager
def world(**options: Any) -> Iterator[World]:
    """Build the world in a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        yield World(Path(folder), **options)
