"""How a command fails: one line on stderr, and an exit status that is not a verdict."""

#: The exit status of a failure and of a usage error: 1 and 2 are verdicts.
OWN_FAILURE = 3


class Failure(Exception):
    """The command cannot be done. The message is one line and says what to do."""
