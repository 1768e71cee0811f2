"""The order of a log's events: tools hand them over latest first, twice, or shuffled within a millisecond."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain, islice, pairwise
from typing import NamedTuple

Time = float | str | None
"""When an event was logged: milliseconds, a text that sorts by time, or unknown."""


class Event(NamedTuple):
    """A message of a log and when it was logged."""

    time: Time
    message: str
    is_in_place: bool = True
    """Whether events of one time come in the order in which they were logged; Logs Insights does not keep it."""


HEAD_EVENTS = 1_000
"""The first events decide whether a log runs backwards."""
GROUP_EVENTS = 10_000
"""Maximum number of events with one time that are sorted among themselves."""
REMEMBERED_EVENTS = 200_000
"""How many events back a repeated one is recognized; bounds memory, some 20 MB."""

_BEARS_ON_RECORDS = re.compile(r'RequestId:|"platform\.|INIT_REPORT|RESTORE_REPORT|Task timed out after|signal: killed')


def in_time_order(events: Iterable[Event]) -> Iterator[str]:
    """Put events in the order in which Lambda wrote them, and drop repeated ones.

    A log that runs backwards is held in memory, without the lines that say
    nothing about a record; any other log passes through as it comes. Within
    one millisecond Logs Insights gives END and REPORT in either order, and
    turning a log around leaves it open: there, events of one time are sorted
    as START, the function's own, END, REPORT. Events without a time keep their place.
    """
    rest = iter(events)
    head = list(islice(rest, HEAD_EVENTS))
    everything: Iterator[Event] = chain(head, rest)
    if _runs_backwards(head):
        held = [
            event._replace(is_in_place=False)
            for event in everything
            if event.time is not None and _BEARS_ON_RECORDS.search(event.message)
        ]
        held.reverse()
        everything = iter(sorted(held, key=lambda event: (isinstance(event.time, str), event.time)))
    return _without_repeats(_sorted_within_a_time(everything))


def _runs_backwards(events: list[Event]) -> bool:
    later = earlier = 0
    for first, second in pairwise(events):
        before, after = first.time, second.time
        if before is not None and after is not None and isinstance(before, str) == isinstance(after, str):
            later += after > before  # type: ignore[operator]
            earlier += after < before  # type: ignore[operator]
    return earlier > later


def _sorted_within_a_time(events: Iterator[Event]) -> Iterator[Event]:
    block: list[Event] = []
    for event in events:
        if block and (event.is_in_place or event.time != block[0].time or len(block) >= GROUP_EVENTS):
            yield from sorted(block, key=_rank)
            block = []
        if event.is_in_place:
            yield event
        else:
            block.append(event)
    yield from sorted(block, key=_rank)


def _rank(event: Event) -> int:
    message = event.message
    if message.startswith("START ") or '"platform.start"' in message:
        return 0
    if message.startswith("END "):
        return 2
    return 3 if message.startswith("REPORT ") or '"platform.report"' in message else 1


def _without_repeats(events: Iterator[Event]) -> Iterator[str]:
    """Pages and downloads overlap. What a retry writes has another time, even if it says the same."""
    seen: dict[int, None] = {}
    for time, message, _ in events:
        if time is not None and ("RequestId:" in message or '"platform.' in message):
            key = hash((time, message))
            if key in seen:
                continue
            seen[key] = None
            if len(seen) > REMEMBERED_EVENTS:
                del seen[next(iter(seen))]
        yield message
