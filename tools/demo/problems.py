"""What can go wrong with a demo on somebody's machine."""


class Problem(Exception):
    """Something the one who runs the demo can put right; the text says how."""


class Unreadable(Problem):
    """The server can't read the collection of the demo: another version has written it."""
