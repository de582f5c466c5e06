"""How good a rendition is, beside simple controls."""
