"""A photograph from a raw file."""
