"""Accepts nothing."""


def handler(event, context):
    """Raise, with the event in the message."""
    raise KeyError(f"no order in {sorted(event)}")
