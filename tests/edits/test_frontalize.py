"""Turning to the front: within the limit by moving pixels, beyond it half of the face is painted."""

from __future__ import annotations

import numpy as np
import pytest

from imgedit import photo as photos
from imgedit.editor import Editor, Prepared
from imgedit.edits import frontalize, pose
from imgedit.models import library
from imgedit.render.half import Half
from imgedit.render.warp import Warp

PORTRAIT = library.bundled_folder() / "astronaut.jpg"


@pytest.fixture(scope="module")
def prepared() -> Prepared:
    """The portrait, looking about 28 degrees to the viewer's right."""
    editor = Editor([], "cpu")
    straight = editor.prepare(photos.read(PORTRAIT))
    return editor.prepare(editor.apply(straight.photo, editor.run(straight, pose.prepare(30.0))))


def test_within_the_limit_only_pixels_move(prepared: Prepared) -> None:
    (change,) = frontalize.prepare().changes(prepared.subjects[0], pytest.fail)
    assert isinstance(change, Warp)


def test_beyond_the_limit_the_far_half_is_painted_and_that_is_said(
    prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frontalize, "LIMIT", 15.0)
    editor, said = Editor([], "cpu"), []
    plan = frontalize.prepare()
    warp, half = plan.changes(prepared.subjects[0], said.append)
    assert isinstance(warp, Warp)
    assert isinstance(half, Half)
    assert half.source is warp.source
    assert half.target is warp.target
    assert len(said) == 1
    assert "half of the face is invented" in said[0]
    assert frontalize.REFINER in [model.id for model in plan.models]
    edited = editor.apply(prepared.photo, editor.run(prepared, plan)).rgb.astype(int)
    moved = warp.apply(prepared.photo.rgb, prepared.subjects[0], _around(prepared)).astype(int)
    differs = np.abs(edited - moved).max(2) > 8
    columns = np.flatnonzero(differs.any(0))
    middle = warp.target[[10, 152], 0].mean()
    size = np.ptp(warp.target[:, 0])
    assert len(columns) > 0.3 * size
    assert (columns > middle - 0.2 * size).all()  # on the side to which the face looked alone


def test_by_force_the_mirror_image_is_taken_as_before(prepared: Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frontalize, "LIMIT", 15.0)
    (change,) = frontalize.prepare(force=True).changes(prepared.subjects[0], pytest.fail)
    assert isinstance(change, Warp)


def _around(prepared: Prepared):  # type: ignore[no-untyped-def]
    from imgedit.render import regions

    return regions.find(prepared.subjects[0], regions.AROUND)
