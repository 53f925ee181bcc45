"""Why code cannot be read at a level."""


class Untraceable(Exception):  # noqa: N818 — it says what is the case: the next level takes over
    """What a person's code does with a quantity that a level has no meaning for; the message says what."""
