"""The one exception that stands for a mistake of the user's."""

LONGEST = 299  # characters of a message


class UserError(Exception):
    """Something the user can put right.

    The message is one line: what was wrong, what was given, what is allowed, what to do. The command line prints it
    after ``carv3d: error:`` and exits with status 2, without a traceback. Whatever is put into it comes out as one line
    of at most LONGEST characters, control characters escaped.
    """

    def __init__(self, message: str):
        super().__init__(one_line(message))


def one_line(text: str) -> str:
    """Control characters, and what is no text at all, escaped; the middle of what is too long left out."""
    line = "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in str(text))
    return line if len(line) <= LONGEST else f"{line[:LONGEST - 120]} ... {line[-115:]}"


def shown(value: object) -> str:
    """A value that a user gave, for a message: numbers as they are, text in quotes, not too long."""
    if isinstance(value, str):
        plain = value.replace(".", "", 1).lstrip("+-").isdigit()
        return value[:60] if plain else repr(str(value) if len(value) <= 60 else f"{value[:57]}...")
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
