"""The commands `pose` and `frontalize`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from imgedit import photo as photos
from imgedit.editor import Editor
from imgedit.models import library
from imgedit.vision import geometry
from tests.command_line import app

PORTRAIT = library.bundled_folder() / "astronaut.jpg"


def run(*arguments: object) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return done.exit_code, done.stdout, done.stderr


@pytest.fixture
def portrait(tmp_path: Path) -> Path:
    path = tmp_path / "eileen.jpg"
    path.write_bytes(PORTRAIT.read_bytes())
    return path


def test_pose_writes_the_whole_photo_beside_it(portrait: Path) -> None:
    code, out, err = run("pose", "--yaw", 12, portrait, "--device", "cpu", "--json")
    assert (code, err) == (0, "")
    written = Path(json.loads(out)["written"][0])
    assert written == portrait.with_name("eileen.yaw+12.jpg")
    edited = photos.read(written).rgb
    assert edited.shape == photos.read(portrait).rgb.shape
    assert (edited != photos.read(portrait).rgb).any()


def test_a_turn_that_is_too_far_is_a_warning_and_still_done(portrait: Path, tmp_path: Path) -> None:
    code, out, err = run("pose", "--yaw", "-55", portrait, "--device", "cpu", "--json")
    told = json.loads(out)
    assert (code, told["written"]) == (0, [str(portrait.with_name("eileen.yaw-35.jpg"))])
    assert told["turn"] == {"absolute": False, "yaw": -35.0, "pitch": 0.0, "roll": 0.0}
    assert err.count("\n") == 1
    assert "(use --force to turn" in err


@pytest.mark.parametrize("is_many", [False, True])
def test_warnings_name_the_option_and_not_pythons_argument(portrait: Path, tmp_path: Path, is_many: bool) -> None:
    photos = [portrait, portrait][: 1 + is_many]
    if is_many:
        photos[1] = tmp_path / "other.jpg"
        photos[1].write_bytes(portrait.read_bytes())
    options = ("-o", f"{tmp_path / 'out'}/", "--device", "cpu", "--json")
    code, out, err = run("pose", "--yaw", "-55", *photos, *options)
    assert code == 0
    said = [text for line in out.splitlines() for text in json.loads(line)["warnings"]]
    for text in (*said, *err.splitlines()):
        assert "(use --force to turn it all the way)" in text
    assert len(said) == len(err.splitlines()) == len(photos)


def test_frontalize_writes_the_turned_crop_alone(portrait: Path, tmp_path: Path) -> None:
    code, _, _ = run("frontalize", portrait, "--crop-only", "-o", tmp_path / "front.png", "--device", "cpu")
    assert code == 0
    assert photos.read(tmp_path / "front.png").rgb.shape == (256, 256, 3)


def test_the_turned_crop_is_aligned_by_the_turned_face(portrait: Path, tmp_path: Path) -> None:
    run("pose", "--yaw", 25, "--roll", 15, portrait, "--crop-only", "-o", tmp_path / "side.png", "--device", "cpu")
    rgb = np.pad(photos.read(tmp_path / "side.png").rgb, ((64, 64), (64, 64), (0, 0)), mode="edge")
    found = Editor([], "cpu").prepare(photos.read(rgb)).subjects[0].mesh
    assert found is not None
    expected = geometry.apply(geometry.window_matrix("face", 256), geometry.FACE_TEMPLATE) + 64
    left, right = expected[0, 1] - found.landmarks[0, 1], expected[1, 1] - found.landmarks[1, 1]
    assert abs(left - right) < 6.0  # the line of the eyes is level, whatever the roll
    assert np.abs(found.landmarks.mean(0) - expected.mean(0)).max() < 8.0


def test_a_face_that_only_a_further_look_finds_is_turned_and_that_is_said(
    portrait: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Editor, "faces", lambda self, photo: [])
    code, _, err = run("pose", "--yaw", 12, portrait, "-o", tmp_path / "a.png", "--device", "cpu")
    assert code == 0
    assert err.count("\n") == 1
    assert "found only in the mirror image" in err
    assert run("translate", "--attr", "blond", portrait, "-o", tmp_path / "b.png", "--device", "cpu")[0] == 4


def test_a_sheet_is_a_row_of_views(portrait: Path, tmp_path: Path) -> None:
    code, _, _ = run("pose", "--sheet", portrait, "-o", tmp_path / "views.png", "--device", "cpu")
    assert code == 0
    views = np.split(photos.read(tmp_path / "views.png").rgb.astype(int), 7, axis=1)
    assert views[0].shape == (320, 320, 3)
    differences = [np.abs(view - views[3]).mean() for view in views]
    assert differences[0] > differences[1] > differences[2] > differences[3] == 0
    assert differences[6] > differences[5] > differences[4] > 0


@pytest.mark.parametrize(
    "arguments", [[], ["--yaw", "nan"], ["--sheet", "--json"], ["--yaw", "5", "--json", "-o", "-"]]
)
def test_wrong_usage_is_one_line_and_nothing_is_written(portrait: Path, arguments: list[str]) -> None:
    code, out, err = run("pose", *arguments, portrait, "--device", "cpu")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert list(portrait.parent.iterdir()) == [portrait]


def test_a_photo_without_a_face_ends_with_4(tmp_path: Path) -> None:
    photos.write(
        photos.read(np.full((64, 64, 3), 90, np.uint8)), np.full((64, 64, 3), 90, np.uint8), tmp_path / "a.png"
    )
    code, _, err = run("frontalize", tmp_path / "a.png", "--device", "cpu")
    assert code == 4
    assert err.startswith(f"error: {tmp_path / 'a.png'}: no face was found in this 64x64 px photo")
