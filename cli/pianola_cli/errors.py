"""The base of every error the command line says in one or two lines instead of a traceback."""


class PianolaError(Exception):
    """Something a person can act on; its text says what is wrong and what to do."""
