"""What is asked for: the request of a run, its parser, and what may stand in it."""
