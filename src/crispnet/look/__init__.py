"""A look: what turns packed raw values into sRGB, trained or classic."""

DEFAULT = "phone"  # the look that develops where none is named
