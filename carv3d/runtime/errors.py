"""The one exception that stands for a mistake of the user's."""


class UserError(Exception):
    """Something the user can put right.

    The message is one line: what was wrong, what was given, what is allowed, what to do. The command line prints it
    after ``carv3d: error:`` and exits with status 2, without a traceback.
    """
