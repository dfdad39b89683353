"""Why a command cannot do what it was asked, in one sentence with the next step."""


class Unusable(Exception):
    """The command cannot be run as given: exit code 2."""


class Failed(Exception):
    """The command was run, and its answer is that something is wrong: exit code 1."""
