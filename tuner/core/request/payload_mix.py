"""Drawing from a weighted mix of payloads in stratified proportion."""

from __future__ import annotations

from collections.abc import Sequence


def next_payload(weights: Sequence[float], counts: Sequence[int]) -> int:
    """Choose the payload that is furthest behind its share.

    Drawn so, every prefix of a batch is as close to the weights as whole
    invocations allow, and no payload is left out by chance. Weights are positive, *counts* is how often each has been
    invoked.

    Returns:
        The index of the next payload; if several are equal, the one that
        was invoked least, and of those the first.

    Example:
        >>> next_payload([3, 1], [0, 0]), next_payload([3, 1], [1, 0]), next_payload([3, 1], [1, 1])
        (0, 1, 0)
    """
    total = sum(weights)
    drawn = sum(counts) + 1
    behind = [weight / total * drawn - count for weight, count in zip(weights, counts, strict=True)]
    return max(range(len(behind)), key=lambda index: (behind[index], -counts[index], -index))
