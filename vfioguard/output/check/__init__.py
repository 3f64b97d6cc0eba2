"""The forms of the answer of `check`."""
