"""Lambda Tuner: the cheapest Lambda configuration that meets a latency goal."""

__version__ = "0.1.0"
