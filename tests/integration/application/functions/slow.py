"""Waits: the same at every size."""

import random
import time

NOISE = random.Random(7)


def handler(event, context):
    """Wait as long as the event says, plus a random time of up to ``jitter`` seconds."""
    time.sleep(float(event.get("s", 0.05)) + NOISE.uniform(0, float(event.get("jitter", 0))))
