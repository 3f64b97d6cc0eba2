"""One file for each state of the kernel that no file shows: what it must be, given what is shown.

policy.md 4 has the rules and their rank. Here each is an `Answer` whose leaves are readings.
"""
