"""The command `lambda-tuner`."""
