"""The one error that people see: bad input, said in one line."""


class UserError(Exception):
    """Something the user can mend. The message names the file, the reason and the remedy, in one line.

    The command line prints it without a traceback and ends with exit status 2.
    """
