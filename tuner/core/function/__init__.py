"""The function that is tuned: how it is named, what is known of it, and what its clones need."""
