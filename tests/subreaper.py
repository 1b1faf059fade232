"""Whether this process adopts the orphans of its descendants, as a worker does."""

import ctypes

_PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans(yes: bool) -> None:
    """Adopt orphans from now on, or leave them to the system's first process again."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, int(yes), 0, 0, 0)
