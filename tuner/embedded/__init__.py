"""AWS on a laptop: the real template on moto, functions in real processes."""
