"""The page in a browser: raws come in, renderings go out, whatever comes in is decoded in a process of its own."""
