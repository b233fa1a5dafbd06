"""Drawings with the bundled models: whoever asks for another hair colour is told to look at the result."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import imgedit
from imgedit import photo
from imgedit.edits import translate
from imgedit.errors import NoFaceError
from tests.drawings import face

PORTRAIT = Path(imgedit.__file__).parent / "bundled" / "astronaut.jpg"
TOLD = "can hardly be told from the rest"


def warnings(editor: imgedit.Editor, source: object) -> str:
    return " ".join(editor.translate_photo(photo.read(source), "blond").warnings)  # type: ignore[arg-type]


pytestmark = pytest.mark.filterwarnings("ignore::imgedit.EditWarning")


@pytest.fixture(scope="module")
def editor() -> imgedit.Editor:
    return imgedit.open_model("stargan_hair.celeba", "cpu")


def test_most_drawings_are_warned_of_and_the_portrait_is_not(editor: imgedit.Editor) -> None:
    told = []
    for seed in range(9):
        try:
            told.append(warnings(editor, face(seed)))
        except NoFaceError:
            continue
    assert len(told) >= 7
    assert sum(TOLD in text or "hardly any hair" in text for text in told) >= 7
    assert sum(TOLD in text for text in told) >= 2
    assert TOLD not in warnings(editor, PORTRAIT)


def test_hair_that_cannot_be_told_is_left_alone_below_a_hat_unless_forced(
    editor: imgedit.Editor, monkeypatch: pytest.MonkeyPatch
) -> None:
    unclear = next(picture for picture in map(face, range(9)) if _is_unclear(editor, picture))
    monkeypatch.setattr(translate, "wears_hat", lambda subject: True)
    plain, forced = (
        editor.carry_out(unclear, translate.prepare("blond", editor.models, force=f)) for f in (False, True)
    )
    assert np.array_equal(plain, unclear)
    assert not np.array_equal(forced, unclear)


def _is_unclear(editor: imgedit.Editor, picture: object) -> bool:
    try:
        return TOLD in warnings(editor, picture)
    except NoFaceError:
        return False
