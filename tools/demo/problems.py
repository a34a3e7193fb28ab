"""What can go wrong with a demo on somebody's machine."""


class Problem(Exception):
    """Something the one who runs the demo can put right; the text says how."""


class Interrupted(BaseException):
    """A signal asks the demo to end. Not an Exception: nothing on the way may swallow it."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number
