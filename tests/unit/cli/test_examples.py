"""The example functions: each works without an event, and says what is wrong with a bad one."""

from __future__ import annotations

import base64
import importlib.util
import json
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from tuner.cli.examples import Example, demo_memory_mb, example_named, examples
from tuner.cli.failures import UsageProblem

SMALL_EVENTS: dict[str, Any] = {
    "image-resize": {"widths": [16]},
    "json-transform": {"orderCount": 20},
    "compression": {"sizeKb": 10, "level": 1},
    "io-wait": {"calls": 1, "latencyMs": 0},
    "two-threads": {"sizeKb": 10},
    "memory-hungry": {"sizeMb": 2},
}
BAD_EVENTS: list[tuple[str, Any, str]] = [
    ("image-resize", {"widths": []}, "'widths' must be a list"),
    ("image-resize", {"widths": [0]}, "whole number from 1"),
    ("image-resize", {"image": "no base64!"}, "base64"),
    ("image-resize", {"image": base64.b64encode(b"no picture").decode()}, "not a picture"),
    ("json-transform", {"orders": "many"}, "must be a list of orders"),
    ("json-transform", {"orders": [{"customer": "c"}]}, "needs 'customer'"),
    ("json-transform", {"orderCount": -1}, "whole number from 1"),
    ("compression", {"level": 12}, "from 1 to 9"),
    ("compression", {"text": 7}, "'text' must be text"),
    ("io-wait", {"calls": "two"}, "whole number from 1"),
    ("io-wait", {"latencyMs": 1e9}, "whole number from 0"),
    ("two-threads", {"sizeKb": True}, "whole number from 1"),
    ("memory-hungry", {"sizeMb": 10**9}, "whole number from 1"),
]


def load(example: Example) -> ModuleType:
    """Import an example's app.py as a module of its own."""
    spec = importlib.util.spec_from_file_location(example.name.replace("-", "_"), example.code_dir / "app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def module(request: pytest.FixtureRequest) -> Iterator[ModuleType]:
    """The module of the example that the test names; a server that it started is closed."""
    loaded = load(example_named(request.param))
    yield loaded
    peer = getattr(loaded, "PEER", None)
    if peer is not None:
        peer.shutdown()
        peer.server_close()
    threads = getattr(loaded, "THREADS", None)
    if threads is not None:
        threads.shutdown()


def test_the_list_and_the_folders_agree() -> None:
    """Every folder is in the list with its event, page and handler, and nothing else is."""
    listed = examples()
    folder = listed[0].code_dir.parent
    assert {example.name for example in listed} == {path.name for path in folder.iterdir() if path.is_dir()}
    for example in listed:
        assert (example.code_dir / "README.md").is_file()
        assert isinstance(example.event, dict)
        assert example.name in (folder / "README.md").read_text(encoding="utf-8")
        assert 128 <= example.memory_mb <= 10_240


@pytest.mark.parametrize("module", list(SMALL_EVENTS), indirect=True)
def test_an_example_works_and_its_answer_is_json(module: ModuleType) -> None:
    """Each example answers an empty event (its own default) and a small one with JSON."""
    name = module.__name__.replace("_", "-")
    if name != "memory-hungry":  # its default is large by purpose
        assert json.loads(json.dumps(module.handler({}, None)))
    assert json.loads(json.dumps(module.handler(SMALL_EVENTS[name], None)))


@pytest.mark.parametrize(("module", "event", "sentence"), BAD_EVENTS, indirect=["module"])
def test_a_bad_event_is_named(module: ModuleType, event: Any, sentence: str) -> None:
    """A nonsense payload raises an error that says what it should have been."""
    with pytest.raises(ValueError, match=sentence):
        module.handler(event, None)


@pytest.mark.parametrize("module", list(SMALL_EVENTS), indirect=True)
def test_an_event_that_is_no_object_is_refused(module: ModuleType) -> None:
    """A list, a text or null is refused by each example."""
    events: tuple[Any, ...] = ([], "text", None)
    for event in events:
        with pytest.raises(ValueError, match="must be an object"):
            module.handler(event, None)


def test_an_example_is_found_by_either_name() -> None:
    """The name of the folder and the function's name both find it; a wrong one lists them."""
    assert example_named("example-io-wait") == example_named("io-wait")
    with pytest.raises(UsageProblem) as caught:
        example_named("nope")
    assert "image-resize" in caught.value.hint


def test_a_small_machine_gives_the_demo_a_smaller_size_today() -> None:
    """Today's size never needs more CPU than the machine has."""
    example = example_named("image-resize")
    assert demo_memory_mb(example, 1769) == 1769
    assert demo_memory_mb(example, 10_240) == example.memory_mb
