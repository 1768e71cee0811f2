"""The command `lambda-tuner`."""

from __future__ import annotations


def main() -> None:
    """Run the command; what it needs is imported only now, and by each subcommand what it needs alone."""
    from tuner.cli.app import app

    app(prog_name="lambda-tuner")
