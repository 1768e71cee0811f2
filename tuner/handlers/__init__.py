"""Lambda entry points: decode, call, encode."""
