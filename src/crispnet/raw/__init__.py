"""A raw file and what it says."""
