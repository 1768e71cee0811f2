"""Each function's package holds what its handler imports, and nothing that it does not need."""

from __future__ import annotations

import ast
import json
import marshal
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from functools import cache
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

import botocore
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.infrastructure.deployed import ROOT, Deployed
from tests.infrastructure.test_permissions import packaging
from tuner.core.function.clone import CHECKED_WITH

FUNCTIONS = sorted(packaging().DEPENDENCIES)
SET_BRINGS = {
    "base": set(),
    "search": {"optuna", "numpy"},
    "report": {"jinja2", "vl_convert"},
}
"""The heavy modules that a set of dependencies is there for."""
HEAVY = {"optuna", "numpy", "jinja2", "vl_convert"}
NEVER = {
    "alembic",
    "flask",
    "moto",
    "pandas",
    "PIL",
    "pydantic",
    "rich",
    "samtranslator",
    "scipy",
    "sqlalchemy",
    "typer",
    "werkzeug",
}

LOAD_ALONE = """
import importlib, json, os, sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in allowed and top not in sys.stdlib_module_names and not top.startswith("_sysconfigdata"):
            raise ModuleNotFoundError(f"{name} is not in this function's package", name=name)

package, site_packages, entry, allowed = sys.argv[1], sys.argv[2], sys.argv[3], set(sys.argv[4].split(","))
models, services = sys.argv[5], sys.argv[6].split(",")
sys.path = [package, *(path for path in sys.path if path and "site-packages" not in path), site_packages]
sys.meta_path.insert(0, Refuse())
import botocore.loaders
botocore.loaders.Loader.BUILTIN_DATA_PATH = models
module = importlib.import_module(entry)
assert callable(module.handler)
assert module.__file__.startswith(package), module.__file__
from tuner.aws.clients import client
for service in services:
    client(service)
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""
"""Imports a handler from a folder, with only the packages and service models allowed that are in its package."""


def requirements(dependencies: str) -> set[str]:
    """Give the distributions of a set, by their canonical names."""
    text = (ROOT / "packages" / f"{dependencies}.txt").read_text(encoding="utf-8")
    found = {canonicalize_name(name) for name in re.findall(r"^([a-z0-9_.-]+)==", text, flags=re.MULTILINE)}
    return found | (requirements("base") if "-r base.txt" in text else set())


@cache
def importable(dependencies: str) -> frozenset[str]:
    """Give the top-level modules that a function with this set can import, the standard library aside."""
    present = requirements(dependencies)
    by_module = packages_distributions()
    return frozenset({"tuner"} | {name for name, of in by_module.items() if present & set(map(canonicalize_name, of))})


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The service models that the build leaves in botocore, of those that are installed."""
    folder = tmp_path_factory.mktemp("site-packages")
    shutil.copytree(Path(botocore.__file__).parent / "data", folder / "botocore" / "data", copy_function=os.symlink)
    packaging().remove_needless(folder)
    return folder / "botocore" / "data"


def test_the_models_of_all_services_that_are_used_stay_and_no_others(models: Path) -> None:
    """What is made a client of is packaged, with the partitions and defaults that every client reads."""
    made = {
        service
        for room in ("aws", "handlers", "steps")
        for path in (ROOT / "tuner" / room).glob("*.py")
        for service in re.findall(r"clients?\(\s*\"([a-z0-9]+)\"", path.read_text(encoding="utf-8"))
    }
    assert {path.name for path in models.iterdir() if path.is_dir()} == made | {"xray"}
    assert all(len(list(path.iterdir())) == 1 for path in models.iterdir() if path.is_dir())
    assert {"endpoints.json", "partitions.json", "sdk-default-configuration.json"} <= {p.name for p in models.iterdir()}


def test_what_is_deployed_is_installed_by_hash() -> None:
    """Every requirement of every set has the hashes that requirements.lock has."""
    for dependencies in SET_BRINGS:
        locked = packaging().locked_requirements(dependencies)
        pins = re.findall(r"^(\S+)==\S+ \\\n +--hash=sha256:", locked, flags=re.MULTILINE)
        assert {canonicalize_name(name) for name in pins} == requirements(dependencies)


def test_a_requirement_that_is_not_locked_is_not_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no hash to ask for."""
    (tmp_path / "base.txt").write_text("boto3==1.0.0\n", encoding="utf-8")
    monkeypatch.setattr(packaging(), "PACKAGES", tmp_path)
    with pytest.raises(SystemExit, match=r"no boto3==1\.0\.0"):
        packaging().locked_requirements("base")


def test_the_sdk_that_is_deployed_is_the_one_that_copies_were_checked_with() -> None:
    """Whoever locks another looks at the table of what a clone gets; whoever installs an older one is refused by it."""
    base = (ROOT / "packages" / "base.txt").read_text(encoding="utf-8")
    assert f"\nbotocore=={CHECKED_WITH}\n" in base
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (boto3,) = (one for one in map(Requirement, project["dependencies"]) if one.name == "boto3")
    assert str(boto3.specifier) == f">={CHECKED_WITH}"


@pytest.mark.parametrize("function", FUNCTIONS)
def test_handler_loads_from_its_package_alone(function: str, models: Path, tmp_path: Path) -> None:
    """A fresh interpreter imports the handler from what is packaged, and loads no heavy module that is not its own."""
    package = tmp_path / "package"
    packaging().copy_source(function, ROOT, package)
    dependencies = packaging().DEPENDENCIES[function]
    ended = subprocess.run(
        [
            *(sys.executable, "-I", "-S", "-c", LOAD_ALONE, str(package), sysconfig.get_path("purelib")),
            *(f"tuner.handlers.{packaging().handler_name(function)}", ",".join(sorted(importable(dependencies)))),
            *(str(models), ",".join(packaging().SERVICES)),
        ],
        capture_output=True,
        text=True,
        check=False,
        env={
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_XRAY_SDK_ENABLED": "false",
            "POWERTOOLS_METRICS_NAMESPACE": "LambdaTuner",
            "POWERTOOLS_SERVICE_NAME": "lambda-tuner",
        },
    )
    assert ended.returncode == 0, ended.stderr
    loaded = set(json.loads(ended.stdout))
    assert loaded & HEAVY <= SET_BRINGS[dependencies]
    assert not loaded & NEVER


@pytest.mark.parametrize("function", FUNCTIONS)
def test_later_imports_are_packaged_too(function: str) -> None:
    """What a function imports only when it is needed, inside of functions, is in its set of dependencies."""
    packages = packaging()
    entry = f"tuner.handlers.{packages.handler_name(function)}"
    allowed = importable(packages.DEPENDENCIES[function]) | sys.stdlib_module_names
    for module in packages.reachable_modules(entry, ROOT):
        tree = ast.parse(packages.module_path(module, ROOT).read_text(encoding="utf-8"))
        for node in packages.statements_at_run_time(tree):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            assert not [name for name in names if name.partition(".")[0] not in allowed], module


@pytest.mark.parametrize("dependencies", sorted(SET_BRINGS))
def test_sets_are_complete(dependencies: str) -> None:
    """The build installs without resolving: everything that a set's members need is in it."""
    present = requirements(dependencies)
    left_out = {
        "alembic",  # Optuna's SQL storage: studies are kept in its journal
        "sqlalchemy",
        "pyyaml",  # Optuna's own command
    }
    for name in requirements(dependencies):
        for needed in map(Requirement, distribution(name).requires or ()):
            if needed.marker is None or needed.marker.evaluate({"extra": "", "python_version": "3.13"}):
                assert canonicalize_name(needed.name) in present | left_out, f"{name} needs {needed}"


def test_every_function_has_a_set(by_default: Deployed) -> None:
    """The template's functions and the packaging's are the same."""
    assert {f"{name}Function" for name in FUNCTIONS} == by_default.functions.keys()


def test_only_the_search_carries_optuna() -> None:
    """Optuna and numpy are in the packages of the two functions that search, the charts in those that draw."""
    by_set = {name: {one for one in FUNCTIONS if packaging().DEPENDENCIES[one] == name} for name in SET_BRINGS}
    assert by_set["search"] == {"Suggest", "Recommend"}
    assert by_set["report"] == {"Report", "Digest"}


def test_data_files_travel_with_their_package(tmp_path: Path) -> None:
    """The price table and the report's templates are beside the modules that read them."""
    packaging().copy_source("Plan", ROOT, tmp_path)
    assert (tmp_path / "tuner" / "core" / "money" / "data" / "prices.csv").is_file()
    assert not (tmp_path / "tuner" / "cli").exists()
    assert not (tmp_path / "tuner" / "embedded").exists()
    assert not list(tmp_path.rglob("__pycache__"))


def test_an_unknown_function_is_refused_with_the_way_out(tmp_path: Path) -> None:
    """A function that was added to the template alone is told where else to add it."""
    with pytest.raises(SystemExit, match="Add it to DEPENDENCIES"):
        packaging().build("NewFunction", tmp_path, "arm64")


def test_sam_reaches_the_build_through_the_makefile(by_default: Deployed) -> None:
    """The makefile that SAM runs calls the script with the function, the folder and the architecture."""
    for function in by_default.functions:
        ended = subprocess.run(
            ["make", "--dry-run", "--makefile", ROOT / "tuner" / "Makefile", f"build-{function}"],
            env={"PATH": os.environ["PATH"], "ARTIFACTS_DIR": "/artifacts", "ARCHITECTURE": "x86_64"},
            capture_output=True,
            text=True,
            check=True,
        )
        assert f'packages/build_function.py" "{function}" "/artifacts" --architecture "x86_64"' in ended.stdout


def test_byte_code_names_the_place_on_lambda(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Byte code needs no source to be looked at, and tracebacks show the file's place in the deployed function."""
    module = tmp_path / "tuner" / "sample.py"
    module.parent.mkdir()
    module.write_text("def f():\n    pass\n", encoding="utf-8")
    monkeypatch.setattr(packaging(), "runtime_python", lambda: sys.executable)
    packaging().compile_for_runtime(module.parent, Path("tuner"))
    (compiled,) = module.parent.glob("__pycache__/*.pyc")
    content = compiled.read_bytes()
    assert content[4:8] == b"\x01\x00\x00\x00"  # PEP 552: by hash, not checked
    assert marshal.loads(content[16:]).co_filename == "/var/task/tuner/sample.py"


def test_without_the_runtimes_python_sources_are_shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no Python of Lambda's version is at hand, there is no byte code of another."""
    (tmp_path / "sample.py").write_text("", encoding="utf-8")
    monkeypatch.setattr(packaging(), "runtime_python", lambda: None)
    packaging().compile_for_runtime(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["sample.py"]
