"""Editing one size in a template's text: this value and not one character more."""

from __future__ import annotations

import json
from typing import Any

import cfn_flip
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tuner.application import application_root
from tuner.cli.failures import PatchRefused
from tuner.cli.template_edit import Patched, Wanted, patch_template

SAM = """\
# The shop's functions.
AWSTemplateFormatVersion: '2010-09-09'
Transform: AWS::Serverless-2016-10-31
Parameters:
  OrdersMemory: {Type: Number, Default: 512, AllowedValues: [512, 1024]}   # ours alone
  SharedMemory:
    Type: Number
    Default: 512
Mappings:
  Sizes:
    Own: {Memory: 512}
Globals:
  Function:
    Timeout: 20   # seconds
    Runtime: python3.13
Resources:
  Plain:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: shop-plain
      Handler: plain.handler
      MemorySize: 512   # measured in May

  Quoted:
    Type: "AWS::Lambda::Function"
    Properties:
        Handler:   quoted.handler
        MemorySize: '512'
  Missing:
    Type: AWS::Serverless::Function
    Properties:
      Handler: missing.handler   # the entry
      # nothing said of memory
      Events: {}
  Nested:
    Type: AWS::Serverless::Function
    Properties:
      Environment:
        Variables:
          MemorySize: 512
  Flow:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: src/, Handler: flow.handler, Tags: {a: b}}
  Orders:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: !Sub ${AWS::StackName}-orders
      Handler: orders.handler
      MemorySize: !Ref OrdersMemory
  Mapped:
    Type: AWS::Serverless::Function
    Properties:
      MemorySize: !FindInMap [Sizes, Own, Memory]
  Substituted:
    Type: AWS::Serverless::Function
    Properties:
      Handler: substituted.handler
      MemorySize: !Sub "${SharedMemory}"
  Chosen:
    Type: AWS::Serverless::Function
    Properties:
      Handler: chosen.handler
      MemorySize:
        Fn::If:
          - IsProduction
          - 1024
          - !Ref SharedMemory
      # behind it
      Timeout: 3
  Included:
    Type: AWS::Serverless::Function
    Properties:
      Fn::Transform: {Name: AWS::Include, Parameters: {Location: s3://b/k}}
"""


def wanted(memory_mb: int, *, architecture: str | None = None, **clues: Any) -> Wanted:
    """A size, and an architecture where one is given, for the function that the clues name."""
    values = {"MemorySize": str(memory_mb)} | ({} if architecture is None else {"Architectures": architecture})
    return Wanted(values, **clues)


def patch(text: str, named: str | None = None, *, memory_mb: int = 1024, force: bool = False, **other: Any) -> Patched:
    """Write a size for a function named by its logical id."""
    return patch_template(text, wanted(memory_mb, named=named, **other), force=force)


def changed_lines(before: str, after: str) -> tuple[list[str], list[str]]:
    """Lines that were taken out and put in; all others stand where they stood."""
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    start = 0
    while start < min(len(old), len(new)) and old[start] == new[start]:
        start += 1
    end = 0
    while end < min(len(old), len(new)) - start and old[-1 - end] == new[-1 - end]:
        end += 1
    return old[start : len(old) - end], new[start : len(new) - end]


@pytest.mark.parametrize(
    ("named", "before", "after"),
    [
        ("Plain", ["      MemorySize: 512   # measured in May\n"], ["      MemorySize: 1024   # measured in May\n"]),
        ("Quoted", ["        MemorySize: '512'\n"], ["        MemorySize: '1024'\n"]),
        ("Missing", [], ["      MemorySize: 1024\n"]),
        ("Nested", [], ["      MemorySize: 1024\n"]),
        (
            "Flow",
            ["    Properties: {CodeUri: src/, Handler: flow.handler, Tags: {a: b}}\n"],
            ["    Properties: {CodeUri: src/, Handler: flow.handler, MemorySize: 1024, Tags: {a: b}}\n"],
        ),
        (
            "Orders",
            ["  OrdersMemory: {Type: Number, Default: 512, AllowedValues: [512, 1024]}   # ours alone\n"],
            ["  OrdersMemory: {Type: Number, Default: 1024, AllowedValues: [512, 1024]}   # ours alone\n"],
        ),
        ("Mapped", ["    Own: {Memory: 512}\n"], ["    Own: {Memory: 1024}\n"]),
    ],
)
def test_one_line_changes(named: str, before: list[str], after: list[str]) -> None:
    """The value is replaced or added in the template's own style; every other line stays."""
    assert changed_lines(SAM, patch(SAM, named).text) == (before, after)


def test_a_line_is_added_beside_its_neighbours() -> None:
    """A missing size comes below the handler, with its indentation, above the comment that follows."""
    lines = patch(SAM, "Missing").text.splitlines()
    place = lines.index("      Handler: missing.handler   # the entry")
    assert lines[place + 1 : place + 3] == ["      MemorySize: 1024", "      # nothing said of memory"]


@pytest.mark.parametrize(
    ("named", "sentence"),
    [
        ("Substituted", "parameter SharedMemory, which is used in 2 places"),
        ("Chosen", "a condition chooses it"),
        ("Included", "takes properties from another file"),
        ("Nowhere", "no function Nowhere"),
    ],
)
def test_what_is_not_sure_is_refused(named: str, sentence: str) -> None:
    """What reaches further than this function, or cannot be seen, is explained and not changed."""
    with pytest.raises(PatchRefused, match=sentence):
        patch(SAM, named)


def test_force_puts_a_number_in_place_of_a_reference() -> None:
    """The reference gives way at this function alone; the comment below it stays."""
    before, after = changed_lines(SAM, patch(SAM, "Chosen", force=True).text)
    assert after == ["      MemorySize: 1024\n"]
    assert len(before) == 5
    before, after = changed_lines(SAM, patch(SAM, "Substituted", force=True).text)
    assert (before, after) == (['      MemorySize: !Sub "${SharedMemory}"\n'], ["      MemorySize: 1024\n"])


def test_a_parameter_that_does_not_allow_the_size_is_named() -> None:
    """AllowedValues, MinValue and MaxValue are looked at before the default is changed."""
    with pytest.raises(PatchRefused, match="AllowedValues do not include 2048"):
        patch(SAM, "Orders", memory_mb=2048)
    bounded = SAM.replace("AllowedValues: [512, 1024]", "MaxValue: 1000")
    with pytest.raises(PatchRefused, match="MaxValue is 1000"):
        patch(bounded, "Orders")


def test_a_changed_default_says_that_stacks_keep_theirs() -> None:
    """A default reaches a deployed stack only by --parameter-overrides."""
    assert "OrdersMemory=1024 in --parameter-overrides" in " ".join(patch(SAM, "Orders").notes)


@pytest.mark.parametrize(
    ("clue", "logical_id"),
    [
        ({"name": "shop-plain"}, "Plain"),
        ({"name": "my-shop-orders"}, "Orders"),
        ({"name": "my-shop-Missing-1A2B3C4D5E6F"}, "Missing"),
        ({"name": "Quoted"}, "Quoted"),
        ({"name": "try-Missing", "logical_id": "Missing"}, "Missing"),
        ({"named": "shop-plain"}, "Plain"),
        ({"named": "plain.handler"}, "Plain"),
    ],
)
def test_the_function_is_found(clue: dict[str, str], logical_id: str) -> None:
    """By logical id, name, the name that CloudFormation makes, a pattern of the name, or a handler that was typed."""
    text = SAM.replace("AllowedValues: [512, 1024]", "")
    assert patch_template(text, wanted(1024, **clue)).logical_id == logical_id


def test_a_handler_alone_decides_nothing() -> None:
    """Half of all functions are called app.handler: the one that has the run's is named, and nothing is changed."""
    with pytest.raises(PatchRefused, match="no function other") as refused:
        patch_template(SAM, wanted(1024, name="other", handler="missing.handler"))
    assert refused.value.hint.endswith("The run's handler, missing.handler, is that of Missing.")


def test_a_handler_of_two_functions_decides_nothing() -> None:
    """Where more than one function fits what was typed, the candidates are named."""
    twice = SAM.replace("missing.handler", "flow.handler")
    with pytest.raises(PatchRefused, match="2 functions of the template have this handler: Missing, Flow"):
        patch_template(twice, wanted(1024, named="flow.handler"))


def test_a_function_of_another_name_is_not_found_by_its_logical_id() -> None:
    """The run's function Plain is not the one that the template calls shop-plain."""
    with pytest.raises(PatchRefused, match="no function Plain"):
        patch_template(SAM, wanted(1024, name="Plain"))
    assert patch_template(SAM, wanted(1024, named="Plain")).logical_id == "Plain"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("Resources:\n  A: [1\n", "neither YAML nor JSON"),
        ("Resources:\n\tA: 1\n", "neither YAML nor JSON"),
        ("", "not a SAM or CloudFormation template"),
        ("- a\n- b\n", "not a SAM or CloudFormation template"),
        ("Resources: {}\n", "no Lambda function"),
        ("Resources: {T: {Type: AWS::SQS::Queue}}\n", "no Lambda function"),
        ("a: 1\n---\nb: 2\n", "neither YAML nor JSON"),
        ("Resources: &r\n  A: *r\n", "neither YAML nor JSON|no Lambda function"),
        ("[" * 5000, "neither YAML nor JSON"),
        ("x" * 2_000_001, "more than CloudFormation accepts"),
        ("Resources:\n  F: {Type: AWS::Lambda::Function}\n", "has no Properties"),
        ("Resources:\n  F: {Type: AWS::Lambda::Function, Properties: !Ref X}\n", "has no Properties"),
        (
            "Resources:\n  F: {Type: AWS::Lambda::Function, Properties: {MemorySize: 1, MemorySize: 2}}\n",
            "appears twice",
        ),
        (
            "Resources:\n  F: {Type: AWS::Lambda::Function}\n  F: {Type: AWS::Lambda::Function}\n",
            "resource F twice",
        ),
        ("Resources: {}\nResources: {}\n", "Resources twice"),
        ("Resources:\n  F: {Type: AWS::Lambda::Function, Properties: {MemorySize: }}\n", "it is empty"),
        (
            "Resources:\n  F: {Type: AWS::Lambda::Function, Properties: {MemorySize: '{{resolve:ssm:/m}}'}}\n",
            "looked up at each deployment",
        ),
        ("Resources:\n  F: {Type: AWS::Lambda::Function, Properties: {MemorySize: 1_024}}\n", "not a plain value"),
    ],
)
def test_what_is_no_clear_template_is_refused(text: str, sentence: str) -> None:
    """Broken, empty, doubled and odd templates end in a sentence."""
    with pytest.raises(PatchRefused, match=sentence):
        patch(text, "F", memory_mb=2048)


GLOBALS = """\
Globals: {Function: {MemorySize: 512, Handler: a.b}}
Resources:
  One: {Type: AWS::Serverless::Function, Properties: {Timeout: 3}}
  Own: {Type: AWS::Serverless::Function, Properties: {MemorySize: 256}}
  Raw: {Type: AWS::Lambda::Function, Properties: {Timeout: 3}}
"""


def test_globals_of_one_function_are_changed_there() -> None:
    """A size in Globals that only this function takes is changed in Globals."""
    patched = patch(GLOBALS, "One")
    assert patched.changes["MemorySize"].place == "Globals.Function.MemorySize"
    assert "only function that takes it" in patched.notes[0]


def test_globals_of_several_functions_stay() -> None:
    """Where others take it from Globals, this function gets a line of its own, and the others are named."""
    text = GLOBALS + "  Two: {Type: AWS::Serverless::Function, Properties: {Timeout: 3}}\n"
    patched = patch(text, "One")
    assert patched.changes["MemorySize"].place == "One.Properties.MemorySize"
    assert "{Timeout: 3, MemorySize: 1024}" in patched.text
    assert "Two" in patched.notes[0]
    computed = text.replace("MemorySize: 512", "MemorySize: !Ref M")
    with pytest.raises(PatchRefused, match="not a plain value and holds for Two"):
        patch(computed, "One")
    assert "{Timeout: 3, MemorySize: 1024}" in patch(computed, "One", force=True).text


def test_globals_are_not_for_plain_cloudformation() -> None:
    """AWS::Lambda::Function takes nothing from Globals, which are SAM's."""
    assert patch(GLOBALS, "Raw").changes["MemorySize"].place == "Raw.Properties.MemorySize"


def test_what_is_said_already_changes_nothing() -> None:
    """The same size, written or by default, is no change."""
    assert patch(SAM, "Plain", memory_mb=512).text == SAM
    assert patch(SAM, "Missing", memory_mb=128).changes == {}


ANCHORED = """\
Resources:
  A:
    Type: AWS::Lambda::Function
    Properties:
      Handler: a.b
      MemorySize: &size 512
  B: {Type: AWS::Lambda::Function, Properties: {MemorySize: *size}}
  C: {Type: AWS::Lambda::Function, Properties: &same {MemorySize: 256}}
  D: {Type: AWS::Lambda::Function, Properties: *same}
  E:
    Type: AWS::Lambda::Function
    Properties:
      <<: *same
      Handler: e.f
"""


@pytest.mark.parametrize("named", ["A", "B", "C", "D"])
def test_a_value_shared_by_an_anchor_is_not_changed(named: str) -> None:
    """What an alias uses elsewhere would change there too."""
    with pytest.raises(PatchRefused, match="YAML anchor"):
        patch(ANCHORED, named)


def test_a_merged_size_is_overridden_at_the_function() -> None:
    """A function that merges shared properties gets a line of its own; the shared ones stay."""
    patched = patch(ANCHORED, "E")
    assert changed_lines(ANCHORED, patched.text) == ([], ["      MemorySize: 1024\n"])


def test_force_changes_what_is_shared_for_all() -> None:
    """With --force the anchored value itself is changed."""
    assert "MemorySize: &size 1024" in patch(ANCHORED, "B", force=True).text


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("ending", [True, False])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_line_ends_and_the_byte_order_mark_are_kept(newline: str, ending: bool, mark: str) -> None:
    """Line ends, a missing last one and a byte order mark stay; an added line ends as its neighbours."""
    lines = ["Resources:", "  F:", "    Type: AWS::Lambda::Function", "    Properties:", "      Handler: a.b"]
    text = mark + newline.join(lines) + (newline if ending else "")
    added = mark + newline.join([*lines, "      MemorySize: 1024"]) + (newline if ending else "")
    assert patch(text, "F").text == added


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        (
            '{\n\t\t"Handler": "a.b",\n\t\t"Timeout": 3\n\t}',
            '{\n\t\t"Handler": "a.b",\n\t\t"Timeout": 3,\n\t\t"MemorySize": 1024\n\t}',
        ),
        ('{"Handler":"a.b"}', '{"Handler":"a.b","MemorySize":1024}'),
        ('{"Handler": "a.b"}', '{"Handler": "a.b", "MemorySize": 1024}'),
        ("{}", '{"MemorySize": 1024}'),
        ('{"MemorySize"\t:\t512}', '{"MemorySize"\t:\t1024}'),
        ('{"MemorySize": "512"}', '{"MemorySize": "1024"}'),
        ('{"Role": {"Ref": "R"}}', '{"MemorySize": 1024, "Role": {"Ref": "R"}}'),
        ('{"Role":{"Ref":"R"}}', '{"MemorySize":1024,"Role":{"Ref":"R"}}'),
        (
            '{\r\n\t"Role": {"Ref": "R"},\r\n\t"Code": {"ZipFile": ""}\r\n}',
            '{\r\n\t"MemorySize": 1024,\r\n\t"Role": {"Ref": "R"},\r\n\t"Code": {"ZipFile": ""}\r\n}',
        ),
    ],
)
def test_json_keeps_its_own_form(properties: str, expected: str) -> None:
    """Tabs, minified and spaced JSON: an added pair looks like its neighbours."""
    text = '{"Resources": {"F": {"Type": "AWS::Lambda::Function", "Properties": %s}}}'
    assert patch(text % properties, "F").text == text % expected


def test_references_in_json() -> None:
    """The long form of a reference is followed too, and gives way under --force."""
    text = (
        '{"Parameters": {"M": {"Type": "Number", "Default": 512}}, "Resources": {"F": {"Type": "AWS::Lambda::Function",'
        ' "Properties": {"MemorySize": {"Ref": "M"}, "Architectures": [{"Ref": "A"}]}}}}'
    )
    assert '"Default": 1024' in patch(text, "F").text
    patched = patch(text, "F", architecture="arm64", force=True).text
    assert json.loads(patched)["Resources"]["F"]["Properties"]["Architectures"] == ["arm64"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Architectures: [x86_64]", "Architectures: [arm64]"),
        ("Architectures:\n        - x86_64 # now", "Architectures:\n        - arm64 # now"),
        ("Architectures: ['x86_64']", "Architectures: ['arm64']"),
        ("Timeout: 3", "Timeout: 3\n      MemorySize: 1024\n      Architectures: [arm64]"),
    ],
)
def test_the_architecture_changes_with_the_size(line: str, expected: str) -> None:
    """The one item of Architectures is replaced, or the line is added."""
    text = f"Resources:\n  F:\n    Type: AWS::Lambda::Function\n    Properties:\n      {line}\n"
    assert expected in patch(text, "F", architecture="arm64").text


def patch_or_refusal(text: str, logical_id: str, memory_mb: int) -> tuple[Patched | None, str]:
    """The patched template, or the sentence of the refusal."""
    try:
        return patch(text, logical_id, memory_mb=memory_mb), ""
    except PatchRefused as refused:
        return None, refused.message


def plain(value: Any) -> Any:
    """The value in dictionaries whose order does not count."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    return [plain(inner) for inner in value] if isinstance(value, list) else value


NAMES = st.text("ABCDEFGHIJabcdefghij0123456789", min_size=1, max_size=12)
TEXTS = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc"), exclude_characters="\ufeff\u2028\u2029\x85"),
    max_size=20,
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)


@st.composite
def templates(draw: st.DrawFn) -> tuple[dict[str, Any], str]:
    """Draw a template with some functions, and the logical id of one."""
    ids = draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))
    resources = {}
    for logical_id in ids:
        properties = draw(st.dictionaries(NAMES, VALUES, max_size=4))
        if draw(st.booleans()):
            properties["Handler"] = draw(NAMES)
        if draw(st.booleans()):
            properties["MemorySize"] = draw(st.integers(128, 10240))
        resources[logical_id] = {
            **draw(st.dictionaries(NAMES, VALUES, max_size=2)),
            "Type": draw(st.sampled_from(["AWS::Lambda::Function", "AWS::Serverless::Function"])),
            "Properties": properties,
        }
    return {"Description": draw(TEXTS), "Resources": resources}, draw(st.sampled_from(ids))


@settings(max_examples=150, deadline=None)
@given(drawn=templates(), form=st.sampled_from(["2", "tab", "minified", "yaml"]), memory_mb=st.integers(129, 10240))
def test_only_the_one_value_changes(drawn: tuple[dict[str, Any], str], form: str, memory_mb: int) -> None:
    """Whatever a template holds, reading it again gives the same but for this one size."""
    document, logical_id = drawn
    if form == "yaml":
        text = cfn_flip.to_yaml(json.dumps(document), clean_up=False, long_form=True)
    else:
        text = json.dumps(
            document,
            indent={"2": 2, "tab": "\t", "minified": None}[form],
            separators=(",", ":") if form == "minified" else None,
            ensure_ascii=form == "2",
        )
    before = plain(cfn_flip.load(text)[0])
    patched, refusal = patch_or_refusal(text, logical_id, memory_mb)
    if patched is None:
        # An empty block, or text that YAML has no form for: said, never guessed.
        assert "neither" in refusal or "added" in refusal
        return
    after = plain(cfn_flip.load(patched.text)[0])
    before["Resources"][logical_id]["Properties"]["MemorySize"] = memory_mb
    assert after == before
    assert (patched.text != text) == bool(patched.changes)


@settings(max_examples=150, deadline=None)
@given(
    data=st.data(),
    ids=st.lists(NAMES, min_size=1, max_size=3, unique=True),
    flow=st.sampled_from([None, True, False]),
    indent=st.integers(2, 6),
    newline=st.sampled_from(["\n", "\r\n"]),
    memory_mb=st.integers(129, 10240),
)
def test_comments_and_odd_forms_stay(
    data: st.DataObject, ids: list[str], flow: bool | None, indent: int, newline: str, memory_mb: int
) -> None:
    """Block and flow style, any indentation, comments behind any line: all lines but one stay, in their order."""
    simple = st.recursive(
        st.integers(0, 9999) | NAMES,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
        max_leaves=5,
    )
    resources: dict[str, Any] = {}
    for logical_id in ids:
        properties = {"Role": "r", **data.draw(st.dictionaries(NAMES, simple, max_size=3))}
        if data.draw(st.booleans()):
            properties["MemorySize"] = 128
        resources[logical_id] = {"Type": "AWS::Lambda::Function", "Properties": properties}
    written = yaml.safe_dump(
        {"Resources": resources}, default_flow_style=flow, indent=indent, width=1_000_000, sort_keys=False
    )
    text = "".join(
        line + data.draw(st.sampled_from(["", " # MemorySize: 7", "   # {Handler: x}"])) + newline
        for line in written.splitlines()
    )
    named = data.draw(st.sampled_from(ids))
    patched = patch(text, named, memory_mb=memory_mb)
    resources[named]["Properties"]["MemorySize"] = memory_mb
    assert yaml.safe_load(patched.text) == {"Resources": resources}
    before, after = changed_lines(text, patched.text)
    assert (len(before), len(after)) in {(1, 1), (0, 1)}
    assert patched.text.count("#") == text.count("#")


def test_this_products_own_template() -> None:
    """Each function of a large template with comments gets its size in one line."""
    text = (application_root() / "template.yaml").read_text(encoding="utf-8")
    for logical_id in cfn_flip.load(text)[0]["Resources"]:
        if not logical_id.endswith("Function"):
            continue
        patched = patch(text, logical_id, memory_mb=1536)
        before, after = changed_lines(text, patched.text)
        assert after == ["      MemorySize: 1536\n"]
        assert len(before) <= 1
        assert patched.logical_id == logical_id
    assert patch_template(text, wanted(1536, name="lambda-tuner-copy-code")).logical_id == "CopyCodeFunction"


def test_aliases_of_aliases_are_walked_once() -> None:
    """A document that would be enormous if its aliases were written out is read like any other."""
    levels = "".join(f"  L{level}: &l{level} [{', '.join([f'*l{level - 1}'] * 9)}]\n" for level in range(1, 40))
    text = f"Metadata:\n  L0: &l0 [x]\n{levels}Resources:\n  F:\n    Type: AWS::Lambda::Function\n"
    text += "    Properties:\n      MemorySize: 512\n"
    assert patch(text, "F").text == text.replace("512", "1024")
