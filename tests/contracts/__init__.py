"""What every store and every stand-in for AWS must do alike: test classes for each of them to inherit."""
