"""One file per kernel state that no file shows: what it must be, given what is shown.

The rules and their rank are policy.md 4's; here each is an `Answer` whose leaves are readings.
"""
