"""Model files of strangers, read as data."""
