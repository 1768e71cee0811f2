"""``python -m bench examples``: is the product's pick, on the real examples, the answer of an exhaustive search?

``--measure`` takes the exhaustive search once, on the embedded AWS's execution
host, and keeps it in ``bench/data/examples.jsonl``; without it the product
tunes each example and is compared with that file.
"""

from bench.examples.command import add_arguments, run

__all__ = ["add_arguments", "run"]
