"""The one error that users see: bad input, reported in one line."""


class UserError(Exception):
    """Something the user can fix. The message names the file, the reason and the remedy, in one line.

    The command line prints it without a traceback and exits with status 2.
    """
