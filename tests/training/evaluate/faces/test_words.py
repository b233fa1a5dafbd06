"""What words leave alone, of faces that are told what is seen of them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from imgedit import photo as photos
from imgedit.edits import translate
from imgedit.errors import ConfigError, UnknownWordError
from imgedit.models import library
from training.evaluate.faces import words
from training.evaluate.report import blocks

FRAMES = [np.full((218, 178, 3), level, np.uint8) for level in (10, 20, 30, 40)]
SEEN = ("Black_Hair", "Eyeglasses", "Male", "Smiling", "Young")


class Judge:
    """Sees `Male` where the first pixel is odd, and black hair and glasses in edited pictures."""

    attributes = SEEN

    def __init__(self, *_: object) -> None: ...

    def probabilities(self, frames: list[np.ndarray]) -> np.ndarray:
        rows = [[frame[0, 0, 0] % 10 > 0, frame[0, 0, 0] % 10 > 0, frame[0, 0, 0] % 2, 0, 1] for frame in frames]
        return np.array(rows, np.float32)


@pytest.fixture(autouse=True)
def _toys(monkeypatch: pytest.MonkeyPatch) -> None:
    def edit(self: Any, photo: Any, plan: Any) -> Any:
        rgb = photo.rgb.copy()
        if rgb[0, 0, 0] > 10:  # the first face is left alone
            rgb += np.uint8(1 if rgb[0, 0, 0] < 40 else 2)
        return SimpleNamespace(photo=photos.read(rgb))

    monkeypatch.setattr(words, "FaceClassifier", Judge)
    monkeypatch.setattr(words, "load_faces", lambda *_: SimpleNamespace(frames=FRAMES))
    monkeypatch.setattr(words.FrameEditor, "edit_photo", edit)
    monkeypatch.setattr(words.identity, "descriptors", lambda frames: np.array([[f[0, 0, 0]] for f in frames], float))


def test_what_a_word_is_meant_to_change_counts_as_nothing_lost() -> None:
    result = words.evaluate(["red-hair", "round-glasses"], "celeba:x", device="cpu")
    red, glasses = (result["metrics"][word] for word in ("red-hair", "round-glasses"))
    assert red["changed"] == glasses["changed"] == 0.75
    # two of three changed faces become Male; red-hair is not meant to put on glasses, and glasses are to change no hair
    assert red["kept"] == pytest.approx(1 - (3 + 2) / (3 * 4))
    assert glasses["kept"] == pytest.approx(1 - (3 + 2) / (3 * 4))
    assert red["identity_distance"] == pytest.approx(4 / 3)
    assert red["same_person"] == 0.0
    text = blocks(result)
    assert "4 test pictures of celeba, seed 0" in str(text[0])
    assert ["red-hair", "75.0", "58.3", "1.33", "0.0"] in [list(row) for row in text[1].rows]


def test_words_that_change_nothing_or_are_unknown_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="name the words"):
        words.evaluate([], "celeba:x")
    with pytest.raises(UnknownWordError):
        words.evaluate(["purple-ears"], "celeba:x")
    monkeypatch.setattr(words, "load_faces", lambda *_: SimpleNamespace(frames=FRAMES[:1]))
    with pytest.raises(ConfigError, match="changes none of these faces"):
        words.evaluate(["blond"], "celeba:x", device="cpu")


def test_every_attribute_of_a_word_is_meant() -> None:
    models = library.available("translate")
    assert set(words._meant(translate.prepare("red-hair", models))) >= {
        "Black_Hair",
        "Blond_Hair",
        "Brown_Hair",
        "Gray_Hair",
    }
    assert words._meant(translate.prepare("no-young", models)) == ["Young"]
    assert words._meant(translate.prepare("round-glasses", models)) == ["Eyeglasses"]
