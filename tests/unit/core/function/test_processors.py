"""Which functions may run around invocations."""

from __future__ import annotations

import pytest

from tuner.core.errors import FunctionNotFound, InvalidRequest
from tuner.core.function.processors import with_processors
from tuner.core.request.tuning_request import TuningRequest

ARN = "arn:aws:lambda:eu-west-1:123456789012:function:tables"


def checked(before: str | None, after: str | None, *allowed: str, timeout_s: int = 60) -> TuningRequest:
    """A request's processors, checked."""
    return with_processors(
        TuningRequest("f", pre_processor_arn=before, post_processor_arn=after),
        allowed=allowed,
        timeout_s=timeout_s,
        region="eu-west-1",
        account="123456789012",
    )


def test_names_become_arns() -> None:
    """A name means the function of that name here; a version or alias stays."""
    request = checked("tables", f"{ARN}:live", ARN, f"{ARN}:live")
    assert (request.pre_processor_arn, request.post_processor_arn) == (ARN, f"{ARN}:live")
    assert checked(None, None) == TuningRequest("f")


@pytest.mark.parametrize("allowed", [(), (f"{ARN}-2",), (f"{ARN}:live",), ("arn:aws:lambda:*",)])
def test_an_input_is_no_permission(allowed: tuple[str, ...]) -> None:
    """Only what the template lists, letter by letter; the sentence names the parameter."""
    with pytest.raises(InvalidRequest, match=f"names {ARN}, .* ProcessorFunctions does not") as found:
        checked("tables", None, *allowed)
    assert "ProcessorFunctions" in found.value.hint
    with pytest.raises(InvalidRequest) as both:
        checked("tables", "others", *allowed)
    assert len(both.value.problems) == 2


def test_processors_of_other_places() -> None:
    """Runs do not reach across accounts or Regions."""
    with pytest.raises(FunctionNotFound):
        checked(ARN.replace("eu-west-1", "eu-west-3"), None, ARN)


def test_all_together_must_end_in_time() -> None:
    """A task has fifteen minutes for the function and both processors."""
    assert checked("tables", "tables", ARN, timeout_s=720).pre_processor_arn == ARN
    with pytest.raises(InvalidRequest, match="721 s"):
        checked("tables", "tables", ARN, timeout_s=721)
    assert checked("tables", None, ARN, timeout_s=780).pre_processor_arn == ARN
    assert checked(None, None, timeout_s=840).pre_processor_arn is None
