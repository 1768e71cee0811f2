"""What measured durations say, and how far they can be trusted."""
