"""report.md: fits a comment, and what users wrote stays text."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.report import documents
from tests.unit.report.documents import changed
from tuner.core.answer.report import SnapStartUse
from tuner.report.markdown import MOST_CHARACTERS, escape, render_markdown


@pytest.mark.parametrize(
    "make", [*documents.EXAMPLES.values(), documents.one_size, documents.two_architectures, documents.hundred_sizes]
)
def test_it_fits_a_comment(make: Any) -> None:
    """Whatever the run did, the text is below GitHub's bound."""
    assert len(render_markdown(make()).encode()) <= MOST_CHARACTERS


def test_it_fits_a_comment_with_long_texts() -> None:
    """Long warnings and errors are cut, and no fold or code block stays open."""
    document = documents.goal_met()
    document = replace(
        document,
        warnings=("\N{GRINNING FACE}" * 5000,) * 500,
        assumptions=("`<" * 5000,) * 500,
        versions={f"part-{index}": "1" * 200 for index in range(500)},
    )
    text = render_markdown(document)
    assert len(text.encode()) <= MOST_CHARACTERS
    assert text.count("<details>") == text.count("</details>")
    assert text.count("```") % 2 == 0
    assert "The rest is in report.html" in text


def test_the_console_is_linked() -> None:
    """A run in an account has a link that a browser opens, and no text can end it early."""
    document = documents.goal_met()
    address = document.report["console"]
    assert f"(<{address}>)" in render_markdown(document)
    assert "S3 console" not in render_markdown(documents.local_run())
    document = changed(document, {"report.console": "https://a>) <b>\n[x](javascript:alert(1))"})
    assert "(<https://a%3E%29%20%3Cb%3E%0A%5Bx%5D%28javascript:alert%281%29%29>)" in render_markdown(document)
    document = changed(document, {"report.console": "javascript:alert(1)"})
    assert "javascript" not in render_markdown(document)


def test_what_a_check_found_is_above_the_tables() -> None:
    """In the words of the command, as text."""
    text = render_markdown(documents.goal_met(), checked=["<b>too dear</b>", "A size is cheaper."])
    assert text.index("**Check:**\n\n- &lt;b&gt;too dear&lt;/b&gt;\n- A size is cheaper.") < text.index("| function |")


def test_fees_of_snapstart_are_named() -> None:
    """Where the clones had it, and nowhere else."""
    document = documents.goal_met()
    assert "SnapStart" not in render_markdown(document)
    document = replace(document, snap_start=SnapStartUse(1, 3, 0.0167))
    assert "The clones had SnapStart: $0.017 of it are the caches of 1 clone and 3 restores." in render_markdown(
        document
    )


@pytest.mark.parametrize("name", documents.EXAMPLES)
def test_every_row_of_a_table_has_as_many_cells_as_its_head(name: str) -> None:
    """Tables do not fall apart."""
    text = render_markdown(documents.EXAMPLES[name]())
    for table in re.findall(r"(?:^\|.*\n)+", text, flags=re.MULTILINE):
        counts = {len(re.findall(r"(?<!\\)\|", line)) for line in table.strip().splitlines()}
        assert len(counts) == 1


@given(st.text())
def test_escaped_text_holds_nothing_that_markdown_or_html_reads(text: str) -> None:
    """No tag, no link, no emphasis, no mention, one line."""
    escaped = escape(text)
    assert "\n" not in escaped
    assert "<" not in escaped
    assert ">" not in escaped
    assert "@" not in escaped
    assert not re.search(r"(?<!\\)(?:\\\\)*[*_`\[\]|]", escaped)


def test_hostile_names_and_errors_stay_text() -> None:
    """A function's error cannot draw a picture, mention a person or open a fold."""
    document = documents.failed_run()
    message = "<img src=https://example.org/x.png> ![x](https://example.org) @octocat </details>"
    document = changed(document, {"function.name": "a`|<details>", "error.message": message})
    text = render_markdown(document)
    assert "<img" not in text
    own = f"[This report in the S3 console](<{document.report['console']}>)"
    assert own in text
    assert not re.search(r"(?<!\\)\]\(", text.replace(own, ""))
    assert "@octocat" not in text
    assert text.count("<details>") == text.count("</details>") == 1


def test_the_payload_is_not_shown() -> None:
    """A comment is public; the payload is not."""
    document = documents.goal_met()
    document = changed(document, {"request.payload": {"password": "correct horse"}})
    assert "correct horse" not in render_markdown(document)


def test_the_verdict_comes_first_and_the_rest_is_folded() -> None:
    """The first lines are the answer, the tables of evidence are on demand."""
    lines = render_markdown(documents.goal_met()).splitlines()
    assert lines[0] == "### Lambda Tuner: `thumbnail-api`"
    assert lines[2].startswith("✅ **Goal met.** Change the memory size from **3,008 MB** to **1,024 MB**")
    assert "<details><summary>How we know</summary>" in lines
