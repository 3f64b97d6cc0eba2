"""The forms of what `try` heard."""
