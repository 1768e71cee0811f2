"""Finding a user's own handler and the interpreter that runs it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tuner.cli.failures import UsageProblem
from tuner.cli.handler_code import choose_interpreter, function_name_for, locate_handler

HANDLER = "def handler(event, context):\n    return event\n"


def write(path: Path, text: str = HANDLER) -> Path:
    """Write a file and its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_a_plain_file_is_its_own_root(tmp_path: Path) -> None:
    """The code of a file outside any package begins at its folder."""
    file = write(tmp_path / "thumbs" / "app.py")
    code = locate_handler(f"{file}:handler")
    assert (code.code_dir, code.handler, code.name) == (file.parent.resolve(), "app.handler", "thumbs")


def test_a_file_in_a_package_starts_above_the_package(tmp_path: Path) -> None:
    """The code of a package begins above it, so that its imports work as on Lambda."""
    write(tmp_path / "shop" / "__init__.py", "")
    write(tmp_path / "shop" / "orders" / "__init__.py", "")
    file = write(tmp_path / "shop" / "orders" / "create.py")
    code = locate_handler(f"{file}:handler")
    assert (code.code_dir, code.handler, code.name) == (tmp_path.resolve(), "shop.orders.create.handler", "create")


def test_the_function_is_called_handler_unless_said_otherwise(tmp_path: Path) -> None:
    """Without a colon the function is ``handler``."""
    assert locate_handler(str(write(tmp_path / "work.py"))).handler == "work.handler"


@pytest.mark.parametrize(
    "text",
    ["from library import handler\n", "handler = decorate(work)\n", "from library import *\n", "import handler\n"],
)
def test_a_handler_may_come_from_elsewhere(tmp_path: Path, text: str) -> None:
    """A handler that is assigned or imported is found as well."""
    assert locate_handler(f"{write(tmp_path / 'app.py', text)}:handler").handler == "app.handler"


def test_a_missing_function_is_answered_with_those_that_there_are(tmp_path: Path) -> None:
    """The error lists the file's functions."""
    file = write(tmp_path / "app.py", "def lambda_handler(event, context): ...\ndef _hidden(): ...\n")
    with pytest.raises(UsageProblem, match="no function 'handler'") as caught:
        locate_handler(f"{file}:handler")
    assert "lambda_handler" in caught.value.hint
    assert "_hidden" not in caught.value.hint


def test_a_syntax_error_is_named_with_its_line(tmp_path: Path) -> None:
    """A file that is not valid Python is refused with the line."""
    with pytest.raises(UsageProblem, match="line 2"):
        locate_handler(f"{write(tmp_path / 'app.py', 'x = 1' + chr(10) + 'def (')}:handler")


@pytest.mark.parametrize(
    ("name", "language"),
    [("index.js", "Node.js"), ("main.go", "Go"), ("App.java", "Java"), ("handler.ts", "TypeScript")],
)
def test_other_languages_are_refused_by_name(tmp_path: Path, name: str, language: str) -> None:
    """A handler in another language is refused with a sentence, whether or not it exists."""
    with pytest.raises(UsageProblem, match=f"is {language}: `try` runs Python handlers only"):
        locate_handler(f"{tmp_path / name}:handler")


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    """A path that is no file is refused with the form of one."""
    with pytest.raises(UsageProblem, match="no file"):
        locate_handler(f"{tmp_path / 'none.py'}:handler")
    with pytest.raises(UsageProblem, match="is a folder"):
        locate_handler(str(tmp_path))


def test_function_names_are_lambda_names() -> None:
    """A name of any characters becomes one that Lambda takes."""
    assert function_name_for("Ünï code/дом") == "try-n-code"
    assert function_name_for("???") == "try-handler"
    assert len(function_name_for("x" * 200)) <= 64


def make_interpreter(path: Path, version: str) -> Path:
    """Write a program that answers like a Python of this version."""
    write(path, f"#!/bin/sh\necho {version}\n").chmod(0o755)
    return path


def test_the_active_environment_comes_before_the_path(tmp_path: Path) -> None:
    """The interpreter is the active virtual environment's, so that the dependencies are the user's."""
    venv = make_interpreter(tmp_path / "venv" / "bin" / "python", "3.12.1")
    make_interpreter(tmp_path / "bin" / "python3", "3.9.0")
    chosen = choose_interpreter(None, {"VIRTUAL_ENV": str(tmp_path / "venv"), "PATH": str(tmp_path / "bin")})
    assert (chosen.path, chosen.version, chosen.runtime) == (str(venv), "3.12.1", "python3.12")


def test_python3_on_the_path_comes_next_and_ours_last(tmp_path: Path) -> None:
    """Without an active environment it is python3 on PATH, without that our own."""
    on_path = make_interpreter(tmp_path / "bin" / "python3", "3.9.0")
    assert choose_interpreter(None, {"PATH": str(tmp_path / "bin")}).path == str(on_path)
    assert choose_interpreter(None, {"PATH": str(tmp_path / "empty")}).path == sys.executable


def test_a_shim_is_looked_through(tmp_path: Path) -> None:
    """A program that only chooses an interpreter is replaced by the one it chooses."""
    write(tmp_path / "bin" / "python3", f'#!/bin/sh\nexec "{sys.executable}" "$@"\n').chmod(0o755)
    assert Path(choose_interpreter(None, {"PATH": str(tmp_path / "bin")}).path).name.startswith("python")
    assert choose_interpreter(None, {"PATH": str(tmp_path / "bin")}).path != str(tmp_path / "bin" / "python3")


def test_a_named_interpreter_is_the_only_one_tried(tmp_path: Path) -> None:
    """--python must be a Python 3; nothing else is taken in its place."""
    with pytest.raises(UsageProblem, match="not a program"):
        choose_interpreter(str(tmp_path / "none"), {})
    old = make_interpreter(tmp_path / "python2", "2.7.18")
    with pytest.raises(UsageProblem, match="not a Python 3"):
        choose_interpreter(str(old), {})
    older = make_interpreter(tmp_path / "python3.8", "3.8.18")
    with pytest.raises(UsageProblem, match=r"3\.9 or later"):
        choose_interpreter(str(older), {})
    assert choose_interpreter(sys.executable, {}).chosen_because == "--python"
