"""The errors that users see: bad input, or an unreachable server, reported in one line."""


class UserError(Exception):
    """Something the user can fix. The message names the file, the reason and the remedy, in one line.

    The command line prints it without a traceback and exits with status 2.
    """


class TransientError(UserError):
    """A fault that may pass by itself, such as a server that does not answer; the remedy is to try again later.

    The command line exits with status 75, upon which Argo starts the pod again.
    """
