"""The one way in which a verb says no."""


class Refused(Exception):
    """A change that cannot be made now. The message is a sentence for people; nothing was changed."""
