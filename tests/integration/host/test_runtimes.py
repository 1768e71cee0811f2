"""Another language than Python, of one class: the shell, with a runtime client of a dozen lines."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePath

import pytest

from tests.integration.host.conftest import workbench
from tuner.cli.handler_code import choose_interpreter, locate_handler
from tuner.embedded.runtimes import RUNTIMES, languages, runtime_named
from tuner.embedded.runtimes.runtime import Imports, Interpreter, Source

_CLIENT = r"""
api=$AWS_LAMBDA_RUNTIME_API
exec 3<>"/dev/tcp/${api%:*}/${api#*:}"
call() {
  printf '%s /2018-06-01/runtime/%s HTTP/1.1\r\nContent-Length: %s\r\n\r\n%s' "$1" "$2" "${#3}" "$3" >&3
  read -r _ <&3; length=0
  while IFS=$': \r' read -r name value _ <&3 && [ -n "$name" ]; do
    case $name in Content-Length) length=$value;; Lambda-Runtime-Aws-Request-Id) id=$value;; esac
  done
  body=; [ "$length" = 0 ] || IFS= read -r -N "$length" body <&3
}
source "./${1%.*}.sh"
while call GET invocation/next ''; do call POST "invocation/$id/response" "$("${1##*.}" "$body")"; done
"""


class Shell:
    """All that the embedded AWS and ``try`` need to know of it."""

    language = "Shell"
    family = "provided"
    suffix = ".sh"
    path_variable = "SHELL_PATH"

    def __init__(self, client: Path) -> None:
        client.write_text(_CLIENT)
        self._client = str(client)

    def programs(self, environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        """Bash alone."""
        yield str(shutil.which("bash")), "bash on PATH"

    def interpreter(self, program: str | None) -> Interpreter:
        """Any bash will do."""
        path = program or str(shutil.which("bash"))
        return Interpreter(path, "provided.al2023", "5", path, paths=(path, self._client))

    def command(self, interpreter: Interpreter, handler: str, *, own_client: bool) -> list[str]:
        """There is no client but this one."""
        return [interpreter.path, self._client, handler]

    def import_command(self, interpreter: Interpreter, handler: str) -> list[str]:
        """By its syntax."""
        return [interpreter.path, "-n", handler]

    def variables(self, *, writes_caches: bool) -> Mapping[str, str]:
        """None."""
        return {}

    def layer_folders(self, layers_dir: Path) -> list[Path]:
        """One of its own."""
        return [layers_dir / "shell"]

    def handler_of(self, file: PurePath, function: str) -> str:
        """As in Python, of one folder."""
        return f"{file.stem}.{function}"

    def file_of(self, handler: str, root: Path) -> Path | None:
        """The other way round."""
        file = root / f"{handler.partition('.')[0]}.sh"
        return file if file.is_file() else None

    def read_source(self, program: str, file: Path, roots: Sequence[Path]) -> Source:
        """By a pattern."""
        functions = tuple(re.findall(r"^(\w+)\(\)", file.read_text(), re.MULTILINE))
        return Source(names=frozenset(functions), functions=functions, imports=(Imports((), 0, frozenset()),))

    def missing_of_lambda(self, program: str, missing: Sequence[str], layers: Sequence[Path]) -> str:
        """Nothing is known."""
        return ""


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """The shell, known beside Python."""
    runtime = Shell(tmp_path / "client.sh")
    monkeypatch.setattr("tuner.embedded.runtimes.RUNTIMES", [*RUNTIMES, runtime])
    monkeypatch.setattr("tuner.cli.handler_code.RUNTIMES", [*RUNTIMES, runtime])
    return runtime


def test_a_handler_in_another_language_runs(tmp_path: Path, shell: Shell) -> None:
    """Init, event, response, output and layers go through the seam; the second invocation is warm."""
    layers = tmp_path / "layers"
    (layers / "shell").mkdir(parents=True)
    with workbench(tmp_path) as bench:
        spec = bench.function("", runtime=shell, layers_dir=layers, environment={"SHELL_PATH": "/mine"})
        (spec.code_dir / "app.sh").write_text(
            'handler() { echo "called with $1" >&2; echo "{\\"event\\": $1, \\"path\\": \\"$SHELL_PATH\\"}"; }\n'
        )
        answer = bench.answer(spec, {"a": 1})
        again = bench.invoke(spec, 2)
    assert answer["event"] == {"a": 1}
    assert re.fullmatch(r"/.*/shell:/mine", answer["path"])
    assert (json.loads(again.payload)["event"], again.cold) == (2, False)
    messages = bench.logs.messages()
    assert 'called with {"a": 1}' in messages
    assert messages[0].startswith("INIT_START Runtime Version: provided:5.local\t")


def test_try_finds_the_language_by_the_file(tmp_path: Path, shell: Shell) -> None:
    """The file's suffix says which runtime reads it, and Lambda's identifier which one runs it."""
    file = tmp_path / "app.sh"
    file.write_text("handler() { :; }\n")
    interpreter = choose_interpreter(None, {}, shell)
    code = locate_handler(f"{file}:handler", interpreter.path, tmp_path)
    assert (code.handler, code.code_dir) == ("app.handler", tmp_path.resolve())
    assert locate_handler("app.handler", interpreter.path, tmp_path).file == file.resolve()
    assert (languages(), runtime_named("provided.al2023")) == ("Python and Shell", shell)
