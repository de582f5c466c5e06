"""A look: what turns packed raw values into sRGB, trained or classic."""
