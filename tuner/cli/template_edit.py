"""Change one function's size in the text of a SAM or CloudFormation template, and not one character more.

The text is read by PyYAML for the places of its values (JSON is a kind of YAML); only the span of a value is replaced,
or one line put in. What comes out is read again and compared node by node with what went in: where anything else
differs, there is no change. Comments, quotes, line ends and order are kept because nothing ever writes the template
anew.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tuner.cli.failures import PatchRefused

SERVERLESS = "AWS::Serverless::Function"
FUNCTION_TYPES = (SERVERLESS, "AWS::Lambda::Function")
MOST_CHARACTERS = 2_000_000
"""Twice what CloudFormation takes of a template in a bucket (1 MB; its quotas page, seen 2026-11)."""

_DEFAULTS = {"MemorySize": "128", "Architectures": "x86_64"}
"""What holds where a template says nothing. Source: AWS::Lambda::Function, CloudFormation user guide, seen 2026-11."""
_LITERAL = {"MemorySize": re.compile(r"[1-9][0-9]*"), "Architectures": re.compile("x86_64|arm64")}
_NEIGHBOURS = ("Timeout", "Runtime", "Handler", "FunctionName", "CodeUri", "Code", "Description", "Role")
_BETWEEN = re.compile(r"[ \t]*:[ \t]*")
_SUBSTITUTE = re.compile(r"\$\{\s*([A-Za-z0-9]+)\s*\}")
_GENERATED_ENDING = re.compile(r"[A-Za-z0-9]{8,13}")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the template should say, and for which function.

    ``named`` is what the user typed to name it (a logical id, a name or a handler); without it the function is looked
    for by the run's own ``name``, and by the ``logical_id`` that a run of a template's function was given. The run's
    ``handler`` decides nothing, since many functions share one; it only says which function may be meant if none is
    found.
    """

    values: Mapping[str, str] = field(default_factory=dict)
    """The properties' values; every other one stays as it is."""
    named: str | None = None
    name: str | None = None
    handler: str | None = None
    logical_id: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One changed or added value: its place in the template, and its text before (``None``: added) and after."""

    place: str
    before: str | None
    after: str


@dataclass(frozen=True, slots=True)
class Patched:
    """The template's new text, the same one if it already says so, and what the reader should know."""

    text: str
    logical_id: str
    changes: Mapping[str, Change]
    """By property."""
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Edit:
    start: int
    end: int
    replacement: str
    change: Change
    node: Any
    """The node that is replaced, or the mapping that gets one more key."""


@dataclass
class _Template:
    text: str
    root: Any
    is_json: bool
    uses: Counter[int] = field(default_factory=Counter)
    """How often each node is used: more than once if an alias names it."""

    def section(self, *names: str) -> Any | None:
        node = self.root
        for name in names:
            found = _pairs(node, name)
            if not found:
                return None
            if len(found) > 1:
                raise PatchRefused(f"The template has {name} twice.", hint="Remove one of them.")
            node = found[0][1]
        return node

    def functions(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, resource in _items(self.section("Resources")):
            if _text(_first(resource, "Type")) in FUNCTION_TYPES:
                if key.value in found:
                    raise PatchRefused(
                        f"The template has the resource {key.value} twice.", hint="Remove or rename one of them."
                    )
                found[key.value] = resource
        return found


def patch_template(text: str, wanted: Wanted, *, force: bool = False) -> Patched:
    """Write the wanted values into a template's text.

    With *force* also what other functions share, and a number if there is a reference that cannot be followed.

    Raises:
        PatchRefused: It is no template, the function is not in it or not clearly one, or the change would reach further
            than this function.
    """
    template = _read(text)
    logical_id, notes = _find_function(template, wanted)
    changes = {}
    for name, value in wanted.values.items():
        edit = _plan_edit(template, logical_id, name, value, notes, force=force)
        if edit is None:
            continue
        after = _read(template.text[: edit.start] + edit.replacement + template.text[edit.end :])
        _check_only(template, after, edit, value)
        template = after
        changes[name] = edit.change
    return Patched(template.text, logical_id, changes, tuple(notes))


def function_finder(text: str) -> Callable[[Wanted], list[str]]:
    """Read a template once, to look for many functions in it.

    Returns:
        What gives the logical ids of a wanted function: none if it is not there, several if it is not clear.

    Raises:
        PatchRefused: It is no template.
    """
    template = _read(text)
    functions = template.functions()
    return lambda wanted: next((found for _, found in _matches(template, functions, wanted) if found), [])


def _read(text: str) -> _Template:
    import yaml

    if len(text) > MOST_CHARACTERS:
        raise PatchRefused(f"The file has {len(text):,} characters, more than CloudFormation accepts in a template.")
    is_json = False
    readable = text
    if text.lstrip("\ufeff \t\r\n").startswith("{"):
        try:
            json.loads(text.lstrip("\ufeff"))
            is_json = True
            # YAML has no tabs between its tokens, JSON none inside of them: places stay as they are.
            readable = text.replace("\t", " ")
        except (ValueError, RecursionError):
            pass  # YAML in braces
    try:
        root = yaml.compose(readable, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        at = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise PatchRefused(f"The file is neither YAML nor JSON: {error.problem or 'it cannot be read'}{at}.") from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else "it is nested too deep"
        raise PatchRefused(f"The file is neither YAML nor JSON: {reason}.") from error
    template = _Template(text, root, is_json)
    if not isinstance(root, yaml.MappingNode) or not isinstance(template.section("Resources"), yaml.MappingNode):
        raise PatchRefused("The file is not a SAM or CloudFormation template: it has no Resources.")
    for node in _walk(root):
        template.uses.update(id(child) for child in _children(node))
    return template


# ---- Nodes -------------------------------------------------------------------------------------------------


def _children(node: Any) -> Iterator[Any]:
    if node.id == "mapping":
        for key, value in node.value:
            yield key
            yield value
    elif node.id == "sequence":
        yield from node.value


def _walk(root: Any) -> Iterator[Any]:
    """Every node once, also where aliases lead in a circle."""
    seen, waiting = {id(root)}, [root]
    while waiting:
        node = waiting.pop()
        yield node
        for child in _children(node):
            if id(child) not in seen:
                seen.add(id(child))
                waiting.append(child)


def _items(node: Any) -> list[tuple[Any, Any]]:
    """The pairs of a mapping whose keys are plain texts; none of anything else."""
    if node is None or node.id != "mapping":
        return []
    return [(key, value) for key, value in node.value if key.id == "scalar"]


def _pairs(node: Any, name: str) -> list[tuple[Any, Any]]:
    return [(key, value) for key, value in _items(node) if key.value == name]


def _first(node: Any, name: str) -> Any | None:
    return next((value for _, value in _pairs(node, name)), None)


def _text(node: Any) -> str | None:
    """A plain value's text; ``None`` for references and collections."""
    if node is None or node.id != "scalar" or node.tag.startswith("!"):
        return None
    return str(node.value)


def _line(node: Any) -> int:
    return int(node.start_mark.line) + 1


def _end(node: Any) -> int:
    """Where a node's text ends; a block's own mark lies behind the comments that follow it."""
    if node.id == "scalar" or node.flow_style or not node.value:
        return int(node.end_mark.index)
    last = node.value[-1]
    return _end(last[1] if isinstance(last, tuple) else last)


# ---- Which function ----------------------------------------------------------------------------------------


def _find_function(template: _Template, wanted: Wanted) -> tuple[str, list[str]]:
    functions = template.functions()
    if not functions:
        loop = any(key.value.startswith("Fn::ForEach") for key, _ in _items(template.section("Resources")))
        raise PatchRefused(
            "The template has no Lambda function"
            + (" that can be changed alone: its Fn::ForEach makes all of them from one text." if loop else "."),
            hint="Name the file that describes the function with --file.",
        )
    for how, found in _matches(template, functions, wanted):
        if len(found) == 1:
            note = [] if how == "logical id" else [f"{found[0]} was found by its {how}."]
            return found[0], note
        if found:
            raise PatchRefused(
                f"{len(found)} functions of the template have this {how}: {', '.join(found)}.",
                hint="Name one by its logical id: --function ID.",
            )
    alike = _with_handler(template, functions, wanted.handler) if wanted.handler and not wanted.named else []
    raise PatchRefused(
        f"The template has no function {wanted.named or wanted.name or 'of the run'}.",
        hint=f"Name one by its logical id, --function ID: it has {', '.join(functions)}."
        + (f" The run's handler, {wanted.handler}, is that of {', '.join(alike)}." if alike else ""),
    )


def _matches(template: _Template, functions: dict[str, Any], wanted: Wanted) -> Iterator[tuple[str, list[str]]]:
    """Ways to find the function, the surest first."""
    names = {one: _property(template, resource, "FunctionName") for one, resource in functions.items()}
    # Whoever has another name is another function, unless the user says that it is the one.
    unnamed = list(functions) if wanted.named else [one for one in functions if _text(names[one]) is None]
    if wanted.named or wanted.logical_id:
        yield "logical id", [one for one in functions if one == (wanted.named or wanted.logical_id)]
    name = wanted.named or wanted.name
    if name:
        yield "name", [one for one, node in names.items() if _text(node) == name]
        yield "logical id", [one for one in unnamed if one == name]
        yield "generated name", [one for one in functions if names[one] is None and _generated(one, name)]
        yield "name's pattern", [one for one, node in names.items() if _pattern_matches(node, name)]
    if wanted.named:
        yield "handler", _with_handler(template, functions, wanted.named)


def _with_handler(template: _Template, functions: dict[str, Any], handler: str) -> list[str]:
    return [one for one, resource in functions.items() if _text(_property(template, resource, "Handler")) == handler]


def _property(template: _Template, resource: Any, name: str) -> Any | None:
    own = _first(_first(resource, "Properties"), name)
    if own is None and _text(_first(resource, "Type")) == SERVERLESS:
        return _first(template.section("Globals", "Function"), name)
    return own


def _generated(logical_id: str, name: str) -> bool:
    """Whether CloudFormation made the name: stack, logical id (cut where it was long) and a random ending."""
    before, _, ending = name.rpartition("-")
    if not _GENERATED_ENDING.fullmatch(ending):
        return False
    return before.endswith(f"-{logical_id}") or (len(name) >= 60 and f"-{logical_id[:24]}" in before)


def _pattern_matches(node: Any, name: str) -> bool:
    """Whether ``!Sub ${AWS::StackName}-orders`` can be the name."""
    pattern = _substitution(node)
    if pattern is None:
        return False
    parts = re.split(r"\$\{[^}]*\}", pattern)
    return any(parts) and re.fullmatch(".+".join(re.escape(part) for part in parts), name) is not None


# ---- What is to be changed ---------------------------------------------------------------------------------


def _plan_edit(
    template: _Template, logical_id: str, name: str, value: str, notes: list[str], *, force: bool
) -> _Edit | None:
    functions = template.functions()
    resource = functions[logical_id]
    found = _pairs(resource, "Properties")
    if len(found) != 1 or found[0][1].id != "mapping":
        raise PatchRefused(f"{logical_id} has no Properties of its own to write {name} into.")
    properties = found[0][1]
    own = _pairs(properties, name)
    place = f"{logical_id}.Properties.{name}"
    _check_unshared(template, [resource, properties], f"the properties of {logical_id}", force=force)
    if len(own) > 1:
        raise PatchRefused(f"{place} appears twice, on lines {_line(own[0][0])} and {_line(own[1][0])}.")
    if own:
        return _change_value(template, place, own[0], name, value, notes, force=force)
    if _pairs(properties, "Fn::Transform"):
        raise PatchRefused(
            f"{logical_id} takes properties from another file (Fn::Transform, line {_line(properties)}), "
            f"which may hold its {name}.",
            hint=f"Change {name} to {value} there.",
        )
    serverless = _text(_first(resource, "Type")) == SERVERLESS
    shared = _pairs(template.section("Globals", "Function"), name) if serverless else []
    if shared:
        others = _others_of_globals(template, functions, logical_id, name)
        if not others:
            notes.append(f"{name} is set in Globals, and {logical_id} is the only function that takes it from there.")
            return _change_value(template, f"Globals.Function.{name}", shared[-1], name, value, notes, force=force)
        if _text(_value_node(shared[-1][1], name)) == value:
            return None
        if not force and not _is_literal(_value_node(shared[-1][1], name), name):
            raise PatchRefused(
                f"{name} of {logical_id} comes from Globals (line {_line(shared[-1][0])}), where it is not a plain "
                f"value and holds for {_listed(others)} as well.",
                hint=f"Change it there by hand, or give {logical_id} a plain {value} of its own with --force.",
            )
        notes.append(
            f"Globals gives {name} to {_listed(others)} as well: they keep it, {logical_id} gets a line of its own."
        )
    elif _DEFAULTS[name] == value and not _pairs(properties, "<<"):
        notes.append(f"{logical_id} has no {name}, and {value} is what it gets without one.")
        return None
    return _add_value(template, place, properties, name, value)


def _others_of_globals(template: _Template, functions: dict[str, Any], logical_id: str, name: str) -> list[str]:
    others = [
        one
        for one, resource in functions.items()
        if one != logical_id
        and _text(_first(resource, "Type")) == SERVERLESS
        and not _pairs(_first(resource, "Properties"), name)
    ]
    loops = [key.value for key, _ in _items(template.section("Resources")) if key.value.startswith("Fn::ForEach")]
    return others + loops


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= 3 else f"{', '.join(names[:2])} and {len(names) - 2} more"


def _value_node(node: Any, name: str) -> Any:
    """The node that holds the value itself: the one item of ``Architectures``."""
    if name == "Architectures" and node.id == "sequence" and node.tag.startswith("tag:") and len(node.value) == 1:
        return node.value[0]
    return node


def _is_literal(node: Any, name: str) -> bool:
    text = _text(node)
    return text is not None and node.style in (None, "'", '"') and _LITERAL[name].fullmatch(text) is not None


def _check_unshared(template: _Template, nodes: Sequence[Any], what: str, *, force: bool) -> None:
    if not force and any(template.uses[id(node)] > 1 for node in nodes):
        raise PatchRefused(
            f"A YAML anchor shares {what} with another part of the template.",
            hint="Give the function properties of its own, or change them for all with --force.",
        )


def _change_value(
    template: _Template, place: str, pair: tuple[Any, Any], name: str, value: str, notes: list[str], *, force: bool
) -> _Edit | None:
    key, node = pair[0], _value_node(pair[1], name)
    if _is_literal(node, name):
        if _text(node) == value:
            return None
        _check_unshared(template, [pair[1], node], f"{place} and the value in line {_line(node)}", force=force)
        return _literal_edit(template, place, node, value)
    target, where, reason = _follow(template, node, name, value)
    if target is not None:
        if _text(target) == value:
            return None
        _check_unshared(template, [target], f"{where} and the value in line {_line(target)}", force=force)
        notes.append(f"{place} (line {_line(key)}) is {reason}")
        return _literal_edit(template, where, target, value)
    if not force:
        raise PatchRefused(
            f"{place} (line {_line(key)}) is not a plain value: {reason}.",
            hint=f"Change it there by hand, or put {value} in its place with --force.",
        )
    if any(template.uses[id(shared)] > 1 for shared in (pair[1], node)):
        raise PatchRefused(
            f"{place} is not a plain value, and another part of the template shares it through a YAML anchor.",
            hint=f"Write {value} there by hand.",
        )
    notes.append(f"{place} was not a plain value: {reason}. Now it is {value} wherever this template is deployed.")
    return _replace_expression(template, place, pair, node, name, value)


def _literal_edit(template: _Template, place: str, node: Any, value: str) -> _Edit:
    start, end = node.start_mark.index, node.end_mark.index
    raw = template.text[start:end]
    offset = raw.rfind(node.value)  # behind a tag or an anchor, inside the quotes
    if offset < 0:
        raise PatchRefused(f"{place} is written in a way that cannot be changed in place: {raw.strip()[:80]}.")
    first = start + offset
    return _Edit(first, first + len(node.value), value, Change(place, node.value, value), node)


def _replace_expression(
    template: _Template, place: str, pair: tuple[Any, Any], node: Any, name: str, value: str
) -> _Edit:
    key = pair[0]
    start, end = node.start_mark.index, _end(node)
    before = template.text[start:end]
    colon = template.text.find(":", key.end_mark.index)
    if not 0 < colon < start < end or "#" in template.text[colon:end]:
        raise PatchRefused(f"{place} is written in a way that cannot be replaced in place.", hint="Change it by hand.")
    written = f'"{value}"' if template.is_json and name == "Architectures" else value
    if name == "Architectures" and node is pair[1]:
        written = f"[{written}]"
    if node is pair[1] and re.search(r"[\r\n]", template.text[colon:start]):
        start, written = colon + 1, f" {written}"
    return _Edit(start, end, written, Change(place, " ".join(before.split()), value), node)


def _follow(template: _Template, node: Any, name: str, value: str) -> tuple[Any | None, str, str]:
    """Where a reference leads.

    Returns:
        The value that may be changed with its place and a sentence, or ``None``, ``""`` and the reason why there is
        none.
    """
    parameter = _referred(node)
    if parameter is not None:
        return _follow_parameter(template, parameter, name, value)
    arguments = _call(node, "FindInMap")
    if arguments is not None and arguments.id == "sequence" and len(arguments.value) == 3:
        return _follow_mapping(template, arguments, name)
    for function, word in (("If", "a condition chooses it"), ("Sub", "it is put together from other values")):
        if _call(node, function) is not None:
            return None, "", word
    text = _text(node)
    if text is None:
        return None, "", f"it is computed ({node.tag.lstrip('!') if node.tag.startswith('!') else 'an expression'})"
    if text.startswith("{{resolve:"):
        return None, "", "it is looked up at each deployment"
    return None, "", f"it is {text[:60]!r}" if text else "it is empty"


def _call(node: Any, function: str) -> Any | None:
    """The argument of ``!Name …`` or ``{Fn::Name: …}``."""
    if node.tag == f"!{function}":
        return node
    items = _items(node)
    if len(items) == 1 and items[0][0].value in (f"Fn::{function}", function):
        return items[0][1]
    return None


def _substitution(node: Any) -> str | None:
    argument = None if node is None else _call(node, "Sub")
    if argument is not None and argument.id == "sequence" and argument.value:
        argument = argument.value[0]
    return str(argument.value) if argument is not None and argument.id == "scalar" else None


def _referred(node: Any) -> str | None:
    """The parameter that ``!Ref X`` or ``!Sub ${X}`` names."""
    argument = _call(node, "Ref")
    if argument is not None and argument.id == "scalar":
        return str(argument.value)
    argument = _call(node, "Sub")
    found = _SUBSTITUTE.fullmatch(argument.value) if argument is not None and argument.id == "scalar" else None
    return found[1] if found else None


def _follow_parameter(template: _Template, parameter: str, name: str, value: str) -> tuple[Any | None, str, str]:
    described = template.section("Parameters", parameter)
    if described is None:
        return None, "", f"it refers to {parameter}, which is not a parameter of this template"
    uses = sum(_uses(node, parameter) for node in _walk(template.root))
    if uses > 1:
        return None, "", f"it is the parameter {parameter}, which is used in {uses} places"
    default = _first(described, "Default")
    if default is None or not _is_literal(default, name):
        return None, "", f"it is the parameter {parameter}, whose value is given at each deployment"
    allowed = _first(described, "AllowedValues")
    if allowed is not None and value not in [_text(each) for each in _children(allowed)]:
        return None, "", f"it is the parameter {parameter}, whose AllowedValues do not include {value}"
    for bound, outside in (("MinValue", -1), ("MaxValue", 1)):
        limit = _text(_first(described, bound))
        if limit and limit.isdecimal() and value.isdecimal() and (int(value) - int(limit)) * outside > 0:
            return None, "", f"it is the parameter {parameter}, whose {bound} is {limit}"
    return (
        default,
        f"Parameters.{parameter}.Default",
        f"the parameter {parameter}, which only this function uses: its default was changed. A stack that is deployed "
        f"keeps its present value until you pass {parameter}={value} in --parameter-overrides.",
    )


def _uses(node: Any, parameter: str) -> int:
    """How often a node itself names a parameter."""
    if node.id == "mapping":
        return sum(1 for key, value in _items(node) if key.value == "Ref" and _text(value) == parameter)
    if node.id != "scalar":
        return 0
    if node.tag == "!Ref":
        return int(node.value == parameter)
    return sum(1 for found in _SUBSTITUTE.findall(str(node.value)) if found == parameter)


def _follow_mapping(template: _Template, arguments: Any, name: str) -> tuple[Any | None, str, str]:
    keys = [_text(each) for each in arguments.value]
    if None in keys:
        return None, "", "it is looked up in Mappings by a key that is known only at deployment"
    path = [str(key) for key in keys]
    entry = template.section("Mappings", *path)
    if entry is None or not _is_literal(_value_node(entry, name), name):
        return None, "", f"it is looked up in Mappings ({', '.join(path)}), where there is no such plain value"
    lookups = [
        each
        for each in _walk(template.root)
        if (found := _call(each, "FindInMap")) is not None
        and found.id == "sequence"
        and found.value
        and _text(found.value[0]) in (path[0], None)
    ]
    if len({id(_call(each, "FindInMap")) for each in lookups}) > 1:
        return None, "", f"it is looked up in the mapping {path[0]}, which is used in {len(lookups)} places"
    return (
        _value_node(entry, name),
        ".".join(("Mappings", *path)),
        "looked up in Mappings, which only this function uses: it was changed there.",
    )


# ---- A value that is not there yet -------------------------------------------------------------------------


def _add_value(template: _Template, place: str, properties: Any, name: str, value: str) -> _Edit:
    neighbours = (*(("MemorySize",) if name == "Architectures" else ()), *_NEIGHBOURS)
    items = [pair for pair in _items(properties) if _on_one_line(template, *pair)]
    by_name = {key.value: (key, node) for key, node in items}
    beside = next((by_name[each] for each in neighbours if each in by_name), None)
    change = Change(place, None, value)
    if properties.flow_style:
        return _add_to_flow(template, change, properties, beside or (items[-1] if items else None), name, value)
    if not properties.value:
        raise PatchRefused(f"{place} cannot be added: the Properties are empty.")
    entry = _entry(template, properties, name, value, ": ")
    if beside is not None:
        indent = _indent(template, beside[0])
        line_end = re.compile(r"\r\n|\r|\n").search(template.text, beside[1].end_mark.index)
        newline = line_end[0] if line_end else _newline(template.text)
        position = line_end.start() if line_end else len(template.text)
        return _Edit(position, position, f"{newline}{indent}{entry}", change, properties)
    first = properties.value[0][0]
    position = first.start_mark.index
    return _Edit(position, position, f"{entry}{_newline(template.text)}{_indent(template, first)}", change, properties)


def _add_to_flow(
    template: _Template, change: Change, properties: Any, beside: tuple[Any, Any] | None, name: str, value: str
) -> _Edit:
    if beside is None:
        if not properties.value:
            position = properties.end_mark.index - 1
            return _Edit(position, position, _entry(template, properties, name, value, ": "), change, properties)
        return _add_before(template, change, properties, name, value)
    key, node = beside
    between = template.text[key.end_mark.index : node.start_mark.index]
    before = template.text[: key.start_mark.index]
    space = before[len(before.rstrip(" \t\r\n")) :] or (" " if between != ":" else "")
    position = node.end_mark.index
    entry = _entry(template, properties, name, value, between)
    return _Edit(position, position, f",{space}{entry}", change, properties)


def _add_before(template: _Template, change: Change, properties: Any, name: str, value: str) -> _Edit:
    """Put the pair before the first one of a mapping in braces that holds no plain value to stand behind."""
    key, node = properties.value[0]
    start = key.start_mark.index
    opening = template.text[properties.start_mark.index : start]
    space = opening[opening.rfind("{") + 1 :]
    if key.id != "scalar" or space.strip(" \t\r\n"):
        raise PatchRefused(f"{change.place} cannot be added in place.", hint="Add it by hand.")
    between = template.text[key.end_mark.index : node.start_mark.index]
    compact = between == ":"
    entry = _entry(template, properties, name, value, ":" if compact else ": ")
    separator = space if re.search(r"[\r\n]", space) else "" if compact else " "
    return _Edit(start, start, f"{entry},{separator}", change, properties)


def _entry(template: _Template, properties: Any, name: str, value: str, between: str) -> str:
    """The new pair, its key quoted as the others are."""
    styles = {key.style for key, _ in _items(properties)}
    quote = '"' if template.is_json else (styles.pop() or "") if len(styles) == 1 else ""
    text = value if name == "MemorySize" else f"[{quote}{value}{quote}]"
    return f"{quote}{name}{quote}{between}{text}"


def _on_one_line(template: _Template, key: Any, node: Any) -> bool:
    """Whether a pair stands whole on one line, and is no alias of something elsewhere."""
    between = template.text[key.end_mark.index : node.start_mark.index]
    whole = template.text[key.start_mark.index : node.end_mark.index]
    return (
        node.id == "scalar"
        and key.start_mark.index < key.end_mark.index <= node.start_mark.index < node.end_mark.index
        and _BETWEEN.fullmatch(between) is not None
        and not re.search(r"[\r\n\x85\u2028\u2029]", whole)
    )


def _indent(template: _Template, key: Any) -> str:
    before = re.split(r"[\r\n]", template.text[: key.start_mark.index])[-1].lstrip("\ufeff")
    if before.strip(" "):
        raise PatchRefused(f"A line cannot be added beside {key.value} in line {_line(key)}.", hint="Add it by hand.")
    return before


def _newline(text: str) -> str:
    found = re.search(r"\r\n|\r|\n", text)
    return found[0] if found else "\n"


# ---- Proof -------------------------------------------------------------------------------------------------


def _check_only(before: _Template, after: _Template, edit: _Edit, value: str) -> None:
    """Compare both templates node by node: exactly the planned value may differ."""
    differences: list[tuple[Any, Any]] = []
    seen: set[tuple[int, int]] = set()
    waiting = [(before.root, after.root)]
    while waiting:
        old, new = waiting.pop()
        if (id(old), id(new)) in seen:
            continue
        seen.add((id(old), id(new)))
        if old is edit.node and edit.change.before is None:
            added = _added(old, new)
            if added is None:
                differences.append((old, new))
                continue
            differences.append((old, added))
            waiting += [
                pair
                for (old_key, old_value), (new_key, new_value) in zip(
                    old.value, [each for each in new.value if each[1] is not added], strict=True
                )
                for pair in ((old_key, new_key), (old_value, new_value))
            ]
        elif (
            old.id != new.id
            or old.tag != new.tag
            or (old.id == "scalar" and old.value != new.value)
            or len(old.value) != len(new.value)
        ):
            differences.append((old, new))
        elif old.id != "scalar":
            waiting += zip(_children(old), _children(new), strict=True)
    holders = [_value_node(new, "Architectures") for _, new in differences]
    if len(differences) != 1 or differences[0][0] is not edit.node or holders[0].value != value:
        raise PatchRefused(
            f"Changing {edit.change.place} to {value} would change more than this one value.", hint="Change it by hand."
        )


def _added(old: Any, new: Any) -> Any | None:
    """The value of the one pair that *new* has more than *old*."""
    if old.id != new.id or old.tag != new.tag or len(new.value) != len(old.value) + 1:
        return None
    had = [(key.tag, key.value) for key, _ in old.value if key.id == "scalar"]
    extra: list[Any] = [value for key, value in new.value if key.id == "scalar" and (key.tag, key.value) not in had]
    return extra[0] if len(extra) == 1 else None
