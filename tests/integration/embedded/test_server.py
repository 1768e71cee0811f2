# ruff: noqa: D103 - the names of helpers and probes say what they do
"""The embedded AWS as a whole: the application deployed, run, stopped, kept."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
from botocore.exceptions import ClientError

from tests.integration.embedded.conftest import APPLICATION, Account, unique, wait_for
from tuner import __version__
from tuner.embedded import account as embedded
from tuner.embedded.access import AccessKey, new_access_key
from tuner.embedded.account import EmbeddedAws, EmbeddedAwsFailed, deploy_function, embedded_aws
from tuner.embedded.identity import CODE_BUCKET, memory_cap_mb
from tuner.embedded.packing import CodeNotPacked


def test_the_application_is_deployed(aws: EmbeddedAws, account: Account) -> None:
    """Functions, state machines, schedule, bucket and log group of the template are there when it is ready."""
    machines = account.client("stepfunctions").list_state_machines()["stateMachines"]
    assert {aws.tune_arn, aws.restore_arn} <= {machine["stateMachineArn"] for machine in machines}
    assert account.client("scheduler").get_schedule(Name="lambda-tuner-nightly")["State"] == "DISABLED"
    assert aws.bucket in {bucket["Name"] for bucket in account.client("s3").list_buckets()["Buckets"]}
    groups = account.client("logs").describe_log_groups(logGroupNamePrefix="/lambda-tuner/clones")["logGroups"]
    assert groups[0]["retentionInDays"] == 14
    echo = account.client("lambda").get_function(FunctionName="lambda-tuner-echo")
    assert echo["Configuration"]["LoggingConfig"]["LogFormat"] == "JSON"
    assert echo["Tags"]["team"] == "tuning"


def test_a_state_machine_calls_a_real_process(aws: EmbeddedAws, account: Account) -> None:
    """A Task runs the function's own code and gives its answer to the execution."""
    described = account.finish(account.start(aws.tune_arn, {"a": 1}))
    answer = json.loads(described["output"])["answer"]
    assert answer["event"] == {"a": 1}
    assert answer["capMb"] == str(memory_cap_mb())


def test_a_failed_run_starts_restore(aws: EmbeddedAws, account: Account) -> None:
    """The status change of a failed execution reaches the rule's state machine with name and status."""
    name = unique("run")
    described = account.finish(account.start(aws.tune_arn, {"fail": True}, name=name))
    assert (described["status"], described["error"]) == ("FAILED", "Wrong")
    wait_for(lambda: {"restored": name, "status": "FAILED"} in outputs(account, aws.restore_arn))


def test_a_stopped_run_starts_restore(aws: EmbeddedAws, account: Account) -> None:
    """A stop takes effect at once, while the function still runs, and restore follows."""
    name = unique("run")
    execution = account.start(aws.tune_arn, {"sleepS": 5}, name=name)
    account.client("stepfunctions").stop_execution(executionArn=execution, error="Enough", cause="by hand")
    described = account.client("stepfunctions").describe_execution(executionArn=execution)
    assert (described["status"], described["cause"]) == ("ABORTED", "by hand")
    wait_for(lambda: {"restored": name, "status": "ABORTED"} in outputs(account, aws.restore_arn))


def test_a_due_schedule_starts_its_target(aws: EmbeddedAws, account: Account) -> None:
    """EventBridge Scheduler's schedules are fired, with their input; a finished one is deleted when it asked for it."""
    machine = account.machine({"A": {"Type": "Pass", "End": True}})
    scheduler, name = account.client("scheduler"), unique("schedule")
    moment = datetime.now(tz=UTC) + timedelta(seconds=2)
    scheduler.create_schedule(
        Name=name,
        ScheduleExpression=f"at({moment:%Y-%m-%dT%H:%M:%S})",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": machine, "RoleArn": account.role_arn, "Input": '{"night": 1}'},
        ActionAfterCompletion="DELETE",
    )
    started = wait_for(lambda: account.client("stepfunctions").list_executions(stateMachineArn=machine)["executions"])
    assert json.loads(account.finish(started[0]["executionArn"])["input"]) == {"night": 1}

    def is_gone() -> bool:
        with contextlib.suppress(scheduler.exceptions.ResourceNotFoundException):
            scheduler.get_schedule(Name=name)
            return False
        return True

    wait_for(is_gone)


def test_many_threads_share_the_account(aws: EmbeddedAws) -> None:
    """Functions are made, updated, invoked, published and deleted by many threads at once without an error."""

    def use(number: int) -> list[int]:
        account = Account(aws.endpoint_url, aws.key)
        functions = account.client("lambda")
        name = account.function(MemorySize=512)
        seen = []
        for turn in range(3):
            functions.update_function_configuration(
                FunctionName=name, Environment={"Variables": {"COLOUR": str(turn)}}, MemorySize=512
            )
            version = functions.publish_version(FunctionName=name)["Version"]
            answer = functions.invoke(FunctionName=name, Qualifier=version, Payload=b"{}")
            seen.append(int(json.load(answer["Payload"])["colour"]))
            functions.list_functions()
        functions.delete_function(FunctionName=name)
        return seen

    with ThreadPoolExecutor(max_workers=6) as threads:
        assert list(threads.map(use, range(6))) == [[0, 1, 2]] * 6


def test_a_deleted_function_is_not_found(aws: EmbeddedAws, account: Account) -> None:
    """Deleting a function while it runs ends nothing else; afterwards it is unknown."""
    functions = account.client("lambda")
    name = account.function()
    functions.invoke(FunctionName=name, InvocationType="Event", Payload=b'{"sleepS": 2}')
    functions.delete_function(FunctionName=name)
    with pytest.raises(functions.exceptions.ResourceNotFoundException):
        functions.invoke(FunctionName=name)
    assert account.finish(account.start(aws.tune_arn))["status"] == "SUCCEEDED"


def test_an_updated_function_runs_anew(aws: EmbeddedAws, account: Account) -> None:
    """A change of the configuration reaches the next invocation."""
    functions = account.client("lambda")
    name = account.function(Environment={"Variables": {"COLOUR": "red"}})
    assert invoke(account, name)["colour"] == "red"
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": {"COLOUR": "blue"}})
    assert invoke(account, name)["colour"] == "blue"


def test_functions_are_deployed_and_replaced(aws: EmbeddedAws, account: Account, tmp_path: Path) -> None:
    """``deploy_function`` packs a folder, sets everything asked, and replaces what has the name."""
    (tmp_path / "app.py").write_text("import os\ndef handler(event, context): return [os.environ['A'], 1]\n")
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "large").write_bytes(b"x")
    name = unique("example")
    arn = deploy_function(
        aws, name=name, code_dir=tmp_path, handler="app.handler", memory_mb=256, environment={"A": "1"}, tags={"k": "v"}
    )
    assert arn.endswith(f":function:{name}")
    assert invoke(account, name) == ["1", 1]
    (tmp_path / "app.py").write_text("import os\ndef handler(event, context): return [os.environ['A'], 2]\n")
    deploy_function(aws, name=name, code_dir=tmp_path, handler="app.handler", environment={"A": "2"})
    assert invoke(account, name) == ["2", 2]
    assert account.client("lambda").get_function(FunctionName=name)["Tags"] == {"k": "v"}


def test_what_cannot_be_a_function_is_refused(aws: EmbeddedAws, tmp_path: Path) -> None:
    """A missing folder and a size beyond this machine are refused with a sentence."""
    with pytest.raises(CodeNotPacked, match="There is no folder"):
        deploy_function(aws, name="x", code_dir=tmp_path / "none", handler="a.b")
    with pytest.raises(EmbeddedAwsFailed, match="'MemorySize' value failed to satisfy constraint"):
        deploy_function(aws, name="x", code_dir=tmp_path, handler="a.b", memory_mb=min(memory_cap_mb() + 1, 10_241))


def test_layers_are_on_the_path(aws: EmbeddedAws, account: Account, tmp_path: Path) -> None:
    """A layer's ``python`` folder can be imported from."""
    import io
    import zipfile

    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("python/from_layer.py", "VALUE = 7\n")
    layer = account.client("lambda").publish_layer_version(LayerName="l", Content={"ZipFile": packed.getvalue()})
    (tmp_path / "app.py").write_text(
        "def handler(event, context):\n    import from_layer\n    return from_layer.VALUE\n"
    )
    name = unique("layered")
    deploy_function(
        aws, name=name, code_dir=tmp_path, handler="app.handler", layers=[layer["LayerVersionArn"]], memory_mb=256
    )
    assert invoke(account, name) == 7


def test_the_bucket_survives_a_killed_server(tmp_path: Path) -> None:
    """What was put is in the folder at once and comes back at the next start; what was deleted does not.

    Nor does what is of use to the killed server alone: packages, marks of its runs, halves of files.
    """
    with embedded_aws(home=tmp_path, application=APPLICATION) as aws:
        s3 = embedded.client(aws, "s3")
        s3.put_object(Bucket=aws.bucket, Key="runs/1/report.html", Body=b"<p>", ContentType="text/html")
        s3.put_object(Bucket=aws.bucket, Key="runs/1/large.bin", Body=b"x" * 700_000)
        s3.put_object(Bucket=aws.bucket, Key="runs/2/gone.json", Body=b"{}")
        s3.delete_object(Bucket=aws.bucket, Key="runs/2/gone.json")
        assert s3.get_object(Bucket=aws.bucket, Key="runs/1/large.bin")["Body"].read() == b"x" * 700_000
        assert (aws.bucket_folder / "runs" / "1" / "report.html").read_bytes() == b"<p>"
        assert mode_of(aws.bucket_folder / "runs" / "1" / "report.html") == 0o600
        s3.put_object(Bucket=aws.bucket, Key="clones/abc.zip", Body=b"x" * 700_000)
        s3.put_object(Bucket=aws.bucket, Key="open/1.json", Body=b"{}")
        assert s3.get_object(Bucket=aws.bucket, Key="clones/abc.zip")["ContentLength"] == 700_000
        assert not (aws.bucket_folder / "clones").exists()
        (aws.bucket_folder / "runs" / ".unfinished-abc").write_bytes(b"half")
        assert not aws.has_ended()
        os.kill(aws.pid, signal.SIGKILL)
        wait_for(aws.has_ended)
    with embedded_aws(home=tmp_path, application=APPLICATION) as aws:
        s3 = embedded.client(aws, "s3")
        listed = s3.list_objects_v2(Bucket=aws.bucket)["Contents"]
        assert [(entry["Key"], entry["Size"]) for entry in listed] == [
            ("runs/1/large.bin", 700_000),
            ("runs/1/report.html", 3),
        ]
        assert sorted(path.name for path in aws.bucket_folder.rglob("*") if path.is_file()) == [
            "large.bin",
            "report.html",
        ]
        report = s3.get_object(Bucket=aws.bucket, Key="runs/1/report.html")
        assert (report["Body"].read(), report["ContentType"]) == (b"<p>", "text/html")
        s3.put_object(Bucket=aws.bucket, Key="runs/1/report.html", Body=b"new")
        assert (aws.bucket_folder / "runs" / "1" / "report.html").read_bytes() == b"new"


def test_a_lasting_server_is_started_found_and_stopped(tmp_path: Path) -> None:
    """Of starts at once one starts it, the others find it; ``stop`` ends it and its workers; then there is none."""
    home = tmp_path / "home"
    with ThreadPoolExecutor() as threads:
        starts = [threads.submit(embedded.start, home, port=0, application=APPLICATION) for _ in range(3)]
        found = [start.result() for start in starts]
    first = next(aws for aws in found if not aws.already_running)
    try:
        assert sorted(aws.already_running for aws in found) == [False, True, True]
        assert {(aws.pid, aws.endpoint_url, aws.key, aws.version) for aws in found} == {
            (first.pid, first.endpoint_url, first.key, __version__)
        }
        assert (mode_of(home), mode_of(home / "server.json"), mode_of(home / "server.log")) == (0o700, 0o600, 0o600)
        account = Account(first.endpoint_url, first.key)
        invoke(account, "lambda-tuner-echo")
        workers = psutil.Process(first.pid).children(recursive=True)
        assert workers
    finally:
        assert embedded.stop(home)
    assert embedded.status(home) is None
    assert not embedded.stop(home)
    wait_for(lambda: not any(alive(worker) for worker in workers))


def test_a_temporary_server_ends_with_its_parent(tmp_path: Path) -> None:
    """When the process that started it is killed, the server and its workers end."""
    script = (
        "import time\n"
        "from pathlib import Path\n"
        "from tuner.embedded.account import embedded_aws\n"
        f"with embedded_aws(home=Path({str(tmp_path)!r}), application=Path({str(APPLICATION)!r})) as a:\n"
        "    print(a.pid, a.endpoint_url, a.key.access_key_id, flush=True)\n"
        "    time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid, endpoint_url, key_id = parent.stdout.readline().split()
    invoke(Account(endpoint_url, AccessKey(key_id, "secret")), "lambda-tuner-echo")
    server = psutil.Process(int(pid))
    family = [server, *server.children(recursive=True)]
    parent.kill()
    parent.wait()
    parent.stdout.close()
    wait_for(lambda: not any(alive(member) for member in family))


def test_nothing_is_said_on_the_users_terminal(tmp_path: Path) -> None:
    """Neither a start, nor a failing run, nor a request that is refused writes to the terminal.

    What lies in the folder where the user stands is not taken for a module of ours.
    """
    (tmp_path / "werkzeug.py").write_text("raise RuntimeError('the user has a file of this name')\n")
    script = (
        "from pathlib import Path\n"
        "from tuner.embedded.account import client, embedded_aws\n"
        f"with embedded_aws(home=Path({str(tmp_path)!r}), application=Path({str(APPLICATION)!r})) as aws:\n"
        "    states = client(aws, 'stepfunctions')\n"
        "    arn = states.start_execution(stateMachineArn=aws.tune_arn, input='{\"fail\": true}')['executionArn']\n"
        "    while states.describe_execution(executionArn=arn)['status'] == 'RUNNING': pass\n"
        "    try: client(aws, 'lambda').get_function(FunctionName='none')\n"
        "    except Exception: pass\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert (done.stdout, done.stderr) == ("", "")


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    """The error ends with the log's last lines."""
    (tmp_path / "template.yaml").write_text("Resources: {}\n")
    with (
        pytest.raises(EmbeddedAwsFailed, match="holds no resources"),
        embedded_aws(home=tmp_path, application=tmp_path),
    ):
        pass


def test_a_used_port_is_named(aws: EmbeddedAws, tmp_path: Path) -> None:
    """A lasting server does not start where another home's server answers."""
    port = int(aws.endpoint_url.rpartition(":")[2])
    with pytest.raises(EmbeddedAwsFailed, match=f"Port {port} is used by an embedded AWS whose home is"):
        embedded.start(tmp_path, port=port, application=APPLICATION)


def test_another_programs_port_is_named(tmp_path: Path) -> None:
    """A port that something else has is said before anything is started."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(EmbeddedAwsFailed, match=f"Port {port} is used by another program"):
            embedded.start(tmp_path, port=port, application=APPLICATION)
    assert not (tmp_path / "server.log").exists()


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, 200),
        ({"Origin": "https://example.com"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "rebound.example.com"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Host": "localhost:1"}, 200),
    ],
)
def test_web_pages_are_refused(aws: EmbeddedAws, headers: dict[str, str], code: int) -> None:
    """A page in the user's browser cannot use the account; programs and the address line can."""
    request = urllib.request.Request(f"{aws.endpoint_url}/_lambda-tuner/status", headers=headers)
    try:
        answer = urllib.request.urlopen(request)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        assert answer.status == code


@pytest.mark.parametrize("service", ["lambda", "s3", "iam", "dynamodb", "stepfunctions"])
def test_nothing_is_answered_without_the_key(aws: EmbeddedAws, service: str) -> None:
    """Neither a made-up key nor that of another server opens anything, in the words of each protocol; nor none."""
    ask: Callable[[Any], Any] = {
        "lambda": lambda client: client.list_functions(),
        "s3": lambda client: client.list_buckets(),
        "iam": lambda client: client.list_roles(),
        "dynamodb": lambda client: client.list_tables(),
        "stepfunctions": lambda client: client.start_execution(stateMachineArn=aws.tune_arn, input="{}"),
    }[service]
    for key in (AccessKey("lambda-tuner-local", "opens-nothing-else"), new_access_key()):
        with pytest.raises(ClientError, match="UnrecognizedClientException") as refused:
            ask(Account(aws.endpoint_url, key).client(service))
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(f"{aws.endpoint_url}/{aws.bucket}/runs/1/payloads.json")
    ask(Account(aws.endpoint_url, aws.key).client(service))


def test_a_handler_cannot_do_what_the_user_can(aws: EmbeddedAws, account: Account, tmp_path: Path) -> None:
    """Its own key opens what programs use, for it and for the role that it assumes, and neither functions nor runs."""
    (tmp_path / "app.py").write_text(
        """
import boto3, botocore.exceptions, os

def handler(event, context):
    made = boto3.client("s3").create_bucket(Bucket="of-the-handler")["ResponseMetadata"]["HTTPStatusCode"]
    role = boto3.client("sts").assume_role(RoleArn="arn:aws:iam::123456789012:role/other", RoleSessionName="session")
    keys = role["Credentials"]
    as_role = boto3.client("s3", aws_access_key_id=keys["AccessKeyId"],
                           aws_secret_access_key=keys["SecretAccessKey"], aws_session_token=keys["SessionToken"])
    buckets = {bucket["Name"] for bucket in as_role.list_buckets()["Buckets"]}
    functions, s3 = boto3.client("lambda"), boto3.client("s3")
    tries = {
        "create": lambda: functions.create_function(FunctionName="evil", Runtime="python3.11", Role=event["role"],
                                                    Handler="a.b", Code={"ZipFile": b"PK"}),
        "update": lambda: functions.update_function_code(FunctionName="lambda-tuner-echo", ZipFile=b"PK"),
        "invoke": lambda: functions.invoke(FunctionName="lambda-tuner-echo"),
        "read": lambda: s3.get_object(Bucket=event["bucket"], Key="runs/1/payloads.json"),
        "choose": lambda: s3.put_object(Bucket=event["code"], Key="interpreters/0", Body=b"/bin/sh"),
        "run": lambda: boto3.client("stepfunctions").start_execution(stateMachineArn=event["tune"], input="{}"),
    }
    said = {}
    for name, attempt in tries.items():
        try:
            attempt()
        except botocore.exceptions.ClientError as error:
            said[name] = error.response["Error"]["Code"]
    return [made, "of-the-handler" in buckets, said, os.environ["AWS_ACCESS_KEY_ID"]]
"""
    )
    deploy_function(aws, name="curious", code_dir=tmp_path, handler="app.handler", memory_mb=1769, timeout_s=30)
    event = {"role": account.role_arn, "bucket": aws.bucket, "code": CODE_BUCKET, "tune": aws.tune_arn}
    answer = account.client("lambda").invoke(FunctionName="curious", Payload=json.dumps(event).encode())
    content = json.load(answer["Payload"])
    assert "errorMessage" not in content, content
    made, seen_as_role, said, key_id = content
    assert (made, seen_as_role) == (200, True)
    assert said == dict.fromkeys(["create", "update", "invoke", "read", "choose", "run"], "AccessDeniedException")
    assert key_id != aws.key.access_key_id


def test_the_interpreter_is_the_servers_setting(aws: EmbeddedAws, account: Account, tmp_path: Path) -> None:
    """The same code with another Python is another package, which a copy of the function has too."""
    (tmp_path / "app.py").write_text("import sys\ndef handler(event, context): return sys.flags.no_site\n")
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -S "$@"\n')
    python.chmod(0o755)
    functions = account.client("lambda")
    for name, interpreter in (("with", str(python)), ("without", None)):
        deploy_function(
            aws, name=name, code_dir=tmp_path, handler="app.handler", interpreter=interpreter, memory_mb=1769
        )
    assert (invoke(account, "with"), invoke(account, "without")) == (1, 0)
    with urllib.request.urlopen(functions.get_function(FunctionName="with")["Code"]["Location"]) as package:
        account.function(FunctionName="copy-of-with", Code={"ZipFile": package.read()}, MemorySize=1769)
    assert invoke(account, "copy-of-with") == 1


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="sets the limit of another process, which Linux can")
def test_a_full_disk_is_an_error_of_s3(tmp_path: Path) -> None:
    """What cannot be written is not put: the caller gets a sentence, the old object stays, no half of one."""
    with embedded_aws(home=tmp_path, application=APPLICATION) as aws:
        s3 = embedded.client(aws, "s3")
        s3.put_object(Bucket=aws.bucket, Key="runs/1/a", Body=b"old")
        resource.prlimit(aws.pid, resource.RLIMIT_FSIZE, (1000, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
        for key in ("runs/1/a", "runs/1/b"):
            with pytest.raises(ClientError, match=r"StorageFailed.*File too large: the disk of this machine"):
                s3.put_object(Bucket=aws.bucket, Key=key, Body=b"x" * 5000)
        assert s3.get_object(Bucket=aws.bucket, Key="runs/1/a")["Body"].read() == b"old"
        assert [row["Key"] for row in s3.list_objects_v2(Bucket=aws.bucket)["Contents"]] == ["runs/1/a"]
        assert [path.name for path in aws.bucket_folder.rglob("*") if path.is_file()] == ["a"]


def test_the_users_aws_and_proxies_are_set_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A profile that does not exist, an endpoint and a proxy in the shell disturb neither server nor clients.

    Neither is in the server; what a function's variables say switches nothing. With the user's word for it functions
    get the user's own variables.
    """
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "mine")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "app.py").write_text(
        "import os\ndef handler(e, c): return os.environ.get('AWS_SESSION_TOKEN')\n"
    )
    monkeypatch.setenv("MY_TOKEN", "mine too")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    switches = {"LAMBDA_TUNER_LOCAL_AWS": "real", "LAMBDA_TUNER_LOCAL_PYTHON": "/none", "AWS_SESSION_TOKEN": "mine"}
    for real_aws, expected in ((True, "mine"), (False, "local")):
        with embedded_aws(home=tmp_path / "home", application=APPLICATION, real_aws=real_aws) as aws:
            deploy_function(
                aws,
                name="f",
                code_dir=tmp_path / "code",
                handler="app.handler",
                environment=switches,
                memory_mb=512,
            )
            answer = embedded.client(aws, "lambda").invoke(FunctionName="f")
            assert json.load(answer["Payload"]) == expected
            held = psutil.Process(aws.pid).environ()
            assert {"AWS_PROFILE", "AWS_SESSION_TOKEN", "MY_TOKEN"} <= held.keys() or not real_aws
    with embedded_aws(home=tmp_path / "home", application=APPLICATION) as aws:
        held = psutil.Process(aws.pid).environ()
        assert not any(name.startswith("AWS_") or name == "MY_TOKEN" for name in held)
        states = embedded.client(aws, "stepfunctions")
        execution = states.start_execution(stateMachineArn=aws.tune_arn)["executionArn"]
        wait_for(lambda: states.describe_execution(executionArn=execution)["status"] == "SUCCEEDED")


def test_it_listens_on_loopback_only(aws: EmbeddedAws) -> None:
    """No socket of the server or its workers can be reached from another machine."""
    server = psutil.Process(aws.pid)
    listening = [
        connection.laddr.ip
        for process in (server, *server.children(recursive=True))
        for connection in process.net_connections()
        if connection.status == psutil.CONN_LISTEN
    ]
    assert set(listening) == {"127.0.0.1"}


def test_a_stack_is_deleted_with_what_it_holds(tmp_path: Path) -> None:
    """After the bucket is emptied, deleting the stack leaves nothing of it, in the folder either."""
    with embedded_aws(home=tmp_path, application=APPLICATION) as aws:
        s3, cloudformation = embedded.client(aws, "s3"), embedded.client(aws, "cloudformation")
        s3.put_object(Bucket=aws.bucket, Key="runs/1/a", Body=b"1")
        s3.delete_objects(Bucket=aws.bucket, Delete={"Objects": [{"Key": "runs/1/a"}]})
        cloudformation.delete_stack(StackName="lambda-tuner")
        assert cloudformation.list_stacks(StackStatusFilter=["CREATE_COMPLETE"])["StackSummaries"] == []
        assert embedded.client(aws, "lambda").list_functions()["Functions"] == []
        assert embedded.client(aws, "stepfunctions").list_state_machines()["stateMachines"] == []
        assert embedded.client(aws, "scheduler").list_schedules()["Schedules"] == []
        assert aws.bucket not in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
        assert list(aws.bucket_folder.rglob("*")) == []


def test_export_lines_work_in_a_shell(aws: EmbeddedAws) -> None:
    """The lines give boto3 the endpoint, the Region and credentials, and nothing of the user's own."""
    script = "import boto3; print(boto3.client('sts').get_caller_identity()['Account'])"
    lines = "\n".join(embedded.export_lines(aws))
    shell = subprocess.run(
        ["sh", "-c", f'{lines}\n"{sys.executable}" -c "{script}"'],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "AWS_PROFILE": "someone"},
    )
    assert shell.stdout.strip() == "123456789012"


def outputs(account: Account, machine_arn: str) -> list[Any]:
    states = account.client("stepfunctions")
    found = states.list_executions(stateMachineArn=machine_arn, statusFilter="SUCCEEDED")["executions"]
    return [json.loads(states.describe_execution(executionArn=each["executionArn"])["output"]) for each in found]


def invoke(account: Account, name: str) -> Any:
    answer = account.client("lambda").invoke(FunctionName=name, Payload=b"{}")
    payload = json.load(answer["Payload"])
    assert "FunctionError" not in answer, payload
    return payload


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o777


def alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
