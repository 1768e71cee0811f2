"""The result as HTML, Markdown, JSON and terminal text, all from one object."""
