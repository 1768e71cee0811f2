"""Prices, and what a run has spent."""
