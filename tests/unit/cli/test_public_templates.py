"""Templates that people have published: one value changes, for one function, as another reader sees it."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tuner.application import application_root
from tuner.cli.failures import PatchRefused
from tuner.cli.template_edit import FUNCTION_TYPES, SERVERLESS, Wanted, patch_template

FOLDER = application_root() / "tests" / "data" / "templates"
REFUSED = {
    ("shared-properties.yaml", "second"): "YAML anchor shares",
    ("mapping-by-stage.yaml", "Api"): "by a key that is known only at deployment",
}


class Loader(yaml.SafeLoader):
    """Reads CloudFormation's tags as mappings."""


def tagged(loader: Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    """``!Ref X`` as ``{"Ref": X}``."""
    if isinstance(node, yaml.SequenceNode):
        return {suffix: loader.construct_sequence(node, deep=True)}
    if isinstance(node, yaml.MappingNode):
        return {suffix: loader.construct_mapping(node, deep=True)}
    return {suffix: loader.construct_scalar(node)}  # type: ignore[arg-type]


Loader.add_multi_constructor("!", tagged)


def functions_of(text: str) -> dict[str, dict[str, Any]]:
    """Each function with its own properties over those of Globals, a parameter's size by its default."""
    template = yaml.load(text, Loader)
    shared = (template.get("Globals") or {}).get("Function") or {}
    found = {}
    for name, resource in template["Resources"].items():
        if resource["Type"] in FUNCTION_TYPES:
            inherited = shared if resource["Type"] == SERVERLESS else {}
            properties = {**inherited, **resource["Properties"]}
            size = properties.get("MemorySize")
            if isinstance(size, dict) and "Ref" in size:
                properties["MemorySize"] = template["Parameters"][size["Ref"]]["Default"]
            found[name] = properties
    return found


CASES = [
    (path, name) for path in sorted(FOLDER.glob("*.[yj]*")) for name in functions_of(path.read_text(encoding="utf-8"))
]


@pytest.mark.parametrize(("path", "name"), CASES, ids=[f"{path.name}-{name}" for path, name in CASES])
def test_one_function_gets_another_size_and_nothing_else_changes(path: Path, name: str) -> None:
    """Its effective size is the wanted one, every other function's and every other property are as before."""
    text = path.read_text(encoding="utf-8")
    refusal = REFUSED.get((path.name, name))
    if refusal is not None:
        with pytest.raises(PatchRefused, match=refusal):
            patch_template(text, Wanted({"MemorySize": "1216"}, named=name))
        return
    patched = patch_template(text, Wanted({"MemorySize": "1216"}, named=name)).text
    before, after = functions_of(text), functions_of(patched)
    assert str(after[name].pop("MemorySize")) == "1216"
    before[name].pop("MemorySize", None)
    assert after == before
    changed = [line for line in difflib.ndiff(text.splitlines(), patched.splitlines()) if line[0] in "+-"]
    assert 1 <= len(changed) <= 2
