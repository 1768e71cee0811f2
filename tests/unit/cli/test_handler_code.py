"""Finding a user's own handler and the interpreter that runs it."""

from __future__ import annotations

import json
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
    code = locate_handler(f"{file}:handler", sys.executable)
    assert (code.code_dir, code.handler, code.name) == (file.parent.resolve(), "app.handler", "thumbs")


def package(tmp_path: Path, imports: str) -> Path:
    """A handler two packages deep, with these imports, below a repository; a module at each level."""
    project = tmp_path / "project"
    write(project / ".git" / "HEAD", "")
    for folder in ("shop", "shop/orders"):
        write(project / folder / "__init__.py", "")
        write(project / folder / f"in_{Path(folder).name}.py", "")
    write(project / "no_code" / "data.json", "")
    write(project / "shop" / "needs_much.py", "import not_here_a, not_here_b, not_here_c, not_here_d\n")
    write(tmp_path / "above.py", "")
    return write(project / "shop" / "orders" / "create.py", f"{imports}\n{HANDLER}")


@pytest.mark.parametrize(
    ("imports", "root", "handler"),
    [
        ("from in_orders import x", "shop/orders", "create.handler"),
        ("import in_orders as x, json", "shop/orders", "create.handler"),
        ("try:\n    import in_shop\nexcept ImportError: ...", "shop", "orders.create.handler"),
        ("from shop.orders.in_orders import x", ".", "shop.orders.create.handler"),
        ("from shop.orders import in_orders", ".", "shop.orders.create.handler"),
        ("from . import in_orders", "shop", "orders.create.handler"),
        ("from .. import in_shop", ".", "shop.orders.create.handler"),
        ("from ..in_shop import x", ".", "shop.orders.create.handler"),
        ("import above, not_there_at_all, sys", "shop/orders", "create.handler"),
        ("from . import in_orders\nimport shop.needs_much", ".", "shop.orders.create.handler"),
        ("import no_code", "shop/orders", "create.handler"),
        ("import typing\nif typing.TYPE_CHECKING:\n    import shop.orders.in_orders", "shop/orders", "create.handler"),
        ('if __name__ == "__main__":\n    import in_shop', "shop/orders", "create.handler"),
        ("if TYPE_CHECKING:\n    import x\nelse:\n    import in_shop", "shop", "orders.create.handler"),
        ("", "shop/orders", "create.handler"),
    ],
)
def test_the_code_begins_where_the_imports_are_found(tmp_path: Path, imports: str, root: str, handler: str) -> None:
    """A package's ``__init__.py`` decides nothing, as on Lambda; nor does what lies outside the project."""
    code = locate_handler(str(package(tmp_path, imports)), sys.executable)
    assert (code.code_dir, code.handler) == ((tmp_path / "project" / root).resolve(), handler)


def test_a_package_for_the_tests_may_be_the_root(tmp_path: Path) -> None:
    """The ``__init__.py`` that is beside a handler for pytest's sake does not move the root from its siblings."""
    write(tmp_path / "hello_world" / "__init__.py", "")
    write(tmp_path / "hello_world" / "services.py", "def greet(): return 'hello world'\n")
    file = write(tmp_path / "hello_world" / "app.py", f"import json\nfrom services import greet\n{HANDLER}")
    code = locate_handler(f"{file}:handler", sys.executable)
    assert (code.code_dir, code.handler) == (file.parent.resolve(), "app.handler")


def test_a_folder_without_init_can_be_a_package(tmp_path: Path) -> None:
    """A handler in a subfolder that imports from the project's root is found as it is deployed."""
    write(tmp_path / "src" / "lib" / "maths.py", "from src.lib import more\n")
    write(tmp_path / "src" / "lib" / "more.py", "")
    file = write(tmp_path / "src" / "handlers" / "calc.py", f"from src.lib.maths import add\n{HANDLER}")
    code = locate_handler(f"{file}:handler", sys.executable)
    assert (code.code_dir, code.handler) == (tmp_path.resolve(), "src.handlers.calc.handler")
    assert {path.name for path in code.modules} == {"calc.py", "maths.py", "more.py"}


def test_what_the_imported_modules_import_counts_too(tmp_path: Path) -> None:
    """A sibling that imports from the project's root needs that root."""
    write(tmp_path / "src" / "lib" / "maths.py", "import src.settings\n")
    write(tmp_path / "src" / "settings.py", "")
    write(tmp_path / "src" / "lib" / "__init__.py", "from .maths import add\n")
    file = write(tmp_path / "src" / "calc.py", f"from lib import add\n{HANDLER}")
    assert locate_handler(str(file), sys.executable).missing == ("src.settings",)
    write(file, f"from src.lib import add\n{HANDLER}")
    assert locate_handler(str(file), sys.executable).missing == ()


def test_the_code_root_can_be_named(tmp_path: Path) -> None:
    """--code-root wins over what the imports say, and must hold the handler."""
    file = write(tmp_path / "src" / "calc.py", f"import sibling\n{HANDLER}")
    write(tmp_path / "src" / "sibling.py", "")
    code = locate_handler(str(file), sys.executable, tmp_path)
    assert (code.code_dir, code.handler, code.missing) == (tmp_path.resolve(), "src.calc.handler", ("sibling",))
    with pytest.raises(UsageProblem, match="is not in the folder where its code begins"):
        locate_handler(str(file), sys.executable, write(tmp_path / "other" / "x.py").parent)


def test_a_linked_handler_is_where_the_link_is(tmp_path: Path) -> None:
    """A file that functions share by a link has the imports of the folder that it is linked into."""
    shared = write(tmp_path / "shared" / "app.py", f"import settings\n{HANDLER}")
    write(tmp_path / "one" / "settings.py", "")
    (tmp_path / "one" / "app.py").symlink_to(shared)
    for root in (None, tmp_path / "one"):
        code = locate_handler(str(tmp_path / "one" / "app.py"), sys.executable, root)
        assert (code.code_dir, code.missing) == ((tmp_path / "one").resolve(), ())


@pytest.mark.parametrize("target", ["src/handlers/calc.handler", "src.handlers.calc.handler"])
def test_a_handler_may_be_named_as_lambda_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    """``folder/module.function``, as in serverless.yml, is relative to --code-root, else to the current folder."""
    write(tmp_path / "src" / "handlers" / "calc.py")
    assert locate_handler(target, sys.executable, tmp_path).handler == "src.handlers.calc.handler"
    monkeypatch.chdir(tmp_path)
    assert locate_handler(target, sys.executable).code_dir == tmp_path.resolve()


def test_the_named_interpreter_judges_the_syntax(tmp_path: Path) -> None:
    """What is valid for the Python that runs the handler is valid, whatever ours takes; and the other way round."""
    newer = write(tmp_path / "app.py", "this is valid Python in 2040\n")
    row = {"missing": [], "misplaced": 0, "modules": []}
    answer = json.dumps({"names": ["handler"], "star": False, "functions": ["handler"], "roots": [row] * 9})
    future = write(tmp_path / "python2040", f"#!/bin/sh\necho '{answer}'\n")
    future.chmod(0o755)
    assert locate_handler(f"{newer}:handler", str(future), tmp_path).handler == "app.handler"
    past = write(tmp_path / "python3.9", """#!/bin/sh\necho '{"line": 1, "problem": "invalid syntax"}'\n""")
    past.chmod(0o755)
    with pytest.raises(UsageProblem, match=r"line 1: not valid for .*python3\.9: invalid syntax"):
        locate_handler(str(write(tmp_path / "work.py")), str(past))


def test_an_interpreter_that_cannot_read_is_named(tmp_path: Path) -> None:
    """An interpreter that answers with anything but what was asked is refused with its own words."""
    broken = write(tmp_path / "python", "#!/bin/sh\necho 'no encodings' >&2; exit 1\n")
    broken.chmod(0o755)
    with pytest.raises(UsageProblem, match="no encodings"):
        locate_handler(str(write(tmp_path / "work.py")), str(broken))


def test_a_module_of_lambdas_python_that_the_interpreter_lacks_is_seen(tmp_path: Path) -> None:
    """Imports that neither the code nor the interpreter has are named before anything runs."""
    bare = write(tmp_path / "python", f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n')
    bare.chmod(0o755)
    file = write(tmp_path / "app.py", f"import boto3, os.path, xml.dom\nfrom botocore.config import Config\n{HANDLER}")
    assert locate_handler(str(file), str(bare)).missing == ("boto3", "botocore.config")
    assert locate_handler(str(file), sys.executable).missing == ()
    write(file, f"import python_source, python_bootstrap\n{HANDLER}")
    assert locate_handler(str(file), sys.executable).missing == ("python_bootstrap", "python_source")


def test_the_function_is_called_handler_unless_said_otherwise(tmp_path: Path) -> None:
    """Without a colon the function is ``handler``."""
    assert locate_handler(str(write(tmp_path / "work.py")), sys.executable).handler == "work.handler"


@pytest.mark.parametrize(
    "text",
    ["from library import handler\n", "handler = decorate(work)\n", "from library import *\n", "import handler\n"],
)
def test_a_handler_may_come_from_elsewhere(tmp_path: Path, text: str) -> None:
    """A handler that is assigned or imported is found as well."""
    assert locate_handler(f"{write(tmp_path / 'app.py', text)}:handler", sys.executable).handler == "app.handler"


def test_a_missing_function_is_answered_with_those_that_there_are(tmp_path: Path) -> None:
    """The error lists the file's functions."""
    file = write(tmp_path / "app.py", "def lambda_handler(event, context): ...\ndef _hidden(): ...\n")
    with pytest.raises(UsageProblem, match="no function 'handler'") as caught:
        locate_handler(f"{file}:handler", sys.executable)
    assert "lambda_handler" in caught.value.hint
    assert "_hidden" not in caught.value.hint


def test_a_syntax_error_is_named_with_its_line(tmp_path: Path) -> None:
    """A file that is not valid Python is refused with the line."""
    with pytest.raises(UsageProblem, match="line 2"):
        locate_handler(f"{write(tmp_path / 'app.py', 'x = 1' + chr(10) + 'def (')}:handler", sys.executable)


@pytest.mark.parametrize(
    ("name", "language"),
    [("index.js", "Node.js"), ("main.go", "Go"), ("App.java", "Java"), ("handler.ts", "TypeScript")],
)
def test_other_languages_are_refused_by_name(tmp_path: Path, name: str, language: str) -> None:
    """A handler in another language is refused with a sentence, whether or not it exists."""
    with pytest.raises(UsageProblem, match=f"is {language}: `try` runs Python handlers only"):
        locate_handler(f"{tmp_path / name}:handler", sys.executable)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    """A path that is no file is refused with the form of one."""
    with pytest.raises(UsageProblem, match="no file"):
        locate_handler(f"{tmp_path / 'none.py'}:handler", sys.executable)
    with pytest.raises(UsageProblem, match="is a folder"):
        locate_handler(str(tmp_path), sys.executable)


def test_function_names_are_lambda_names() -> None:
    """A name of any characters becomes one that Lambda takes."""
    assert function_name_for("Ünï code/дом") == "try-n-code"
    assert function_name_for("???") == "try-handler"
    assert len(function_name_for("x" * 200)) <= 64


def make_interpreter(path: Path, version: str) -> Path:
    """Write a program that answers like a Python of this version."""
    answer = json.dumps([[int(part) for part in version.split(".")], False, str(path), []])
    write(path, f"#!/bin/sh\necho '{answer}'\n").chmod(0o755)
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
    with pytest.raises(UsageProblem, match="not a program") as caught:
        choose_interpreter(str(tmp_path / "none"), {})
    assert "--python PATH" in caught.value.hint
    old = make_interpreter(tmp_path / "python2", "2.7.18")
    with pytest.raises(UsageProblem, match=r"is Python 2\.7\.18; the handler needs 3\.9"):
        choose_interpreter(str(old), {})
    older = make_interpreter(tmp_path / "python3.8", "3.8.18")
    with pytest.raises(UsageProblem, match=r"3\.9 or later"):
        choose_interpreter(str(older), {})
    assert choose_interpreter(sys.executable, {}).chosen_because == "--python"
