"""One run: its id, its plan with undo, and where its objects lie."""
