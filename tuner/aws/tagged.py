"""Finding functions by tag."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tuner.aws.failures import aws_call


def tagged_functions(tagging: Any, key: str, value: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Every function of this account and Region that bears a tag, with all its tags."""
    with aws_call("tag:GetResources", "lambda:function"):
        pages = tagging.get_paginator("get_resources").paginate(
            ResourceTypeFilters=["lambda:function"], TagFilters=[{"Key": key, "Values": [value]}]
        )
        for page in pages:
            for row in page["ResourceTagMappingList"]:
                yield row["ResourceARN"], {tag["Key"]: tag["Value"] for tag in row["Tags"]}
