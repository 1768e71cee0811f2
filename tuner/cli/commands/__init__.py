"""The subcommands, a module each: flags, help and exit codes. ``tuner.cli.app`` registers them."""
