"""Where a face has a beard: painted ones are found, shade and bare skin are not."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest

import imgedit
from imgedit import photo as photos
from imgedit.edits import translate
from imgedit.errors import ConfigError
from imgedit.pixels import to_lab
from imgedit.vision import beard, geometry
from imgedit.vision.beard import beard_of
from imgedit.vision.mesh import OVAL
from imgedit.vision.subject import Subject

PORTRAIT = Path(imgedit.__file__).parent / "bundled" / "astronaut.jpg"
CHIN = (57, 43, 106, 182, 83, 18, 313, 406, 335, 273, 287, 432, 434, 364, 394, 395, 369, 396, 175, 171, 140, 170, 169)


@cache
def editor() -> imgedit.Editor:
    return imgedit.open_model("hair_tones.celebamask_hq", "cpu", mark=False)


@cache
def portrait() -> np.ndarray:
    return photos.read(PORTRAIT).rgb


def subject_of(rgb: np.ndarray, monkeypatch: pytest.MonkeyPatch, no_beard: float = 0.0) -> Subject:
    """The largest face, of which the classifier says with this probability that it has no beard."""
    monkeypatch.setattr(Subject, "attributes", property(lambda self: {"No_Beard": no_beard}))
    return editor().prepare(photos.read(rgb), "largest").subjects[0]


def chin(rgb: np.ndarray) -> np.ndarray:
    """The chin between lips and jaw, `(H, W)` bool."""
    points = editor().prepare(photos.read(rgb), "largest").subjects[0].mesh.points[list(CHIN), :2]
    mask = np.zeros(rgb.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.rint(points).astype(np.int32)], 1)
    return mask > 0


def bearded(colour: tuple[int, int, int] = (40, 34, 30)) -> tuple[np.ndarray, np.ndarray]:
    """The portrait with its chin in a dark colour and some noise, and where that is."""
    where, rgb = chin(portrait()), portrait().copy()
    noise = np.random.default_rng(0).integers(-8, 9, rgb.shape)
    rgb[where] = np.clip(np.array(colour) + noise[where], 0, 255)
    return rgb, where


def on_window(mask: np.ndarray, subject: Subject) -> np.ndarray:
    crop = subject.networks.parser.crop
    matrix = subject.matrix(crop.kind, crop.height, crop.width)
    cut = geometry.cut(np.repeat(mask[..., None] * np.uint8(255), 3, 2), matrix, (crop.height, crop.width))
    return np.asarray(cut)[..., 0] > 127


def test_a_dark_dull_chin_is_a_beard_and_the_rest_of_the_face_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    rgb, where = bearded()
    subject = subject_of(rgb, monkeypatch)
    found, painted = beard_of(subject), on_window(where, subject)
    inner = cv2.erode(painted.astype(np.uint8), np.ones((9, 9))) > 0
    assert inner.sum() > 300
    assert found[inner].mean() > 0.7
    near = cv2.dilate(painted.astype(np.uint8), np.ones((9, 9))) > 0
    assert (found[~near] > 0.5).sum() < 0.05 * painted.sum()


def test_a_bare_chin_shade_from_the_side_and_what_the_classifier_rules_out_are_no_beard(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    painted, _ = bearded()
    n_painted = (beard_of(subject_of(painted, monkeypatch)) > 0.5).sum()
    assert n_painted > 200
    assert (beard_of(subject_of(portrait(), monkeypatch)) > 0.5).sum() < 0.1 * n_painted
    points = editor().prepare(photos.read(portrait()), "largest").subjects[0].mesh.points[list(OVAL), 0]
    across = np.clip((np.arange(portrait().shape[1]) - points.min()) / np.ptp(points), 0, 1)
    shaded = np.rint(portrait() * (0.35 + 0.65 * across)[None, :, None]).astype(np.uint8)
    assert (beard_of(subject_of(shaded, monkeypatch)) > 0.5).sum() < 0.25 * n_painted
    assert not beard_of(subject_of(painted, monkeypatch, no_beard=0.9)).any()


def test_a_dark_chin_as_colourful_as_skin_is_no_beard(monkeypatch: pytest.MonkeyPatch) -> None:
    dull, red = (beard_of(subject_of(bearded(colour)[0], monkeypatch)) for colour in ((40, 34, 30), (110, 40, 25)))
    assert (red > 0.5).sum() < 0.1 * (dull > 0.5).sum()


def test_the_light_of_skin_from_side_to_side_is_told_by_bare_skin_alone() -> None:
    x = np.linspace(-1.0, 1.0, 40)
    light = np.repeat((60.0 + 10.0 * x - 8.0 * x**2)[None], 30, axis=0).astype(np.float32)
    bare = np.zeros(light.shape, bool)
    bare[:10, 5:35] = True
    bearded_light = np.where(np.arange(30)[:, None] > 15, light - 40.0, light).astype(np.float32)
    found = beard._across(bearded_light, bare)
    assert np.abs(found[0, 5:35] - light[0, 5:35]).max() < 1e-3
    assert (found[0, :5] == found[0, 5]).all()  # beyond what was seen nothing is guessed


def test_a_beard_follows_the_hair_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    rgb, where = bearded()
    monkeypatch.setattr(Subject, "attributes", property(lambda self: {"No_Beard": 0.0}))
    plans = [translate.prepare("blond", editor().models, force=True, beard=follows) for follows in (False, True)]
    prepared = editor().prepare(photos.read(rgb), "largest")
    without, both = (editor().apply(prepared.photo, editor().run(prepared, plan)).rgb for plan in plans)
    inner = cv2.erode(where.astype(np.uint8), np.ones((5, 5))) > 0
    lightness = [float(np.median(to_lab(picture)[..., 0][inner])) for picture in (rgb, without, both)]
    assert lightness[1] == pytest.approx(lightness[0], abs=1.0)
    assert lightness[2] > lightness[0] + 15.0
    changed = np.abs(both.astype(int) - without).max(2) > 0
    near = cv2.dilate(where.astype(np.uint8), np.ones((41, 41))) > 0
    assert not (changed & ~near).any()


def test_a_beard_without_a_colour_to_follow_is_an_error_and_none_to_be_seen_a_warning() -> None:
    with pytest.raises(ConfigError, match="a beard follows a colour of the hair, and none is asked for"):
        translate.prepare("smiling", beard=True)
    with (
        pytest.warns(imgedit.EditWarning, match="hardly any beard, so none takes the colour"),
        pytest.warns(imgedit.EditWarning, match="'red-hair', an experimental word"),
    ):
        imgedit.translate(portrait(), "red-hair", beard=True, face="largest", device="cpu")
