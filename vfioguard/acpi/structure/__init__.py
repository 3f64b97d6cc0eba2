"""How the bytes of a structure become a value, and the header that all tables share."""
