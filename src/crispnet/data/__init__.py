"""Captures become batches: virtual cameras and phones, pairs, frames, patches. numpy only."""
