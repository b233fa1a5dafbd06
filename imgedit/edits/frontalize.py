"""Turn heads to the front: to a pose of 0, 0, 0, upright and looking straight into the camera."""

from __future__ import annotations

from imgedit.edits.pose import Turn

__all__ = ["prepare"]

_WITHIN = 4.0  # degrees; who looks so nearly straight ahead seems to, and a further turn costs likeness


def prepare(*, force: bool = False) -> Turn:
    """Settle the turn to the front.

    Args:
        force: turn heads further than `imgedit.edits.pose.LIMIT` too.
    """
    return Turn(0.0, 0.0, 0.0, is_absolute=True, is_forced=force, names=("frontal",), within=_WITHIN)
