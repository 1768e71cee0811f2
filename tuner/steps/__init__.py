"""What each state of the state machines does, over injected adapters.

A handler decodes its event, calls one function here and encodes the answer.
Every step may be run again: Step Functions retries, and a crash loses nothing
that was written before.
"""
