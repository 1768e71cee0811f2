"""What a run answers: its result and the words of it."""
