"""Needs more than 256 MB."""

import time


def handler(event, context):
    """Touch 300 MB."""
    memory = bytearray(300 * 1024 * 1024)
    memory[::4096] = b"x" * len(memory[::4096])
    time.sleep(0.01)
    return len(memory)
