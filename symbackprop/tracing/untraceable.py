"""Why code cannot be read at a level."""


class Untraceable(BaseException):
    """What a person's code does with a quantity that a level has no meaning for; the message says what.

    It is no Exception, which code may catch as one of its own.
    """
