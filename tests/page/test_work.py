"""What the page does with a photo, without a browser."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from imgedit import photo as photos
from imgedit.editor import Editor
from imgedit.edits.combined import Combined
from imgedit.edits.express import SLIDERS
from imgedit.errors import ConfigError, NoFaceError, PhotoError
from imgedit.models import library
from imgedit.page import work
from imgedit.page.work import Wishes
from tests.command_line import app
from tests.photos import SRGB, exif_with, picture, saved

PORTRAIT = library.bundled_folder() / "astronaut.jpg"


def pixels(path):
    return photos.read(path).rgb.astype(int)


@pytest.fixture(scope="module")
def editor():
    return Editor(device="cpu")


@pytest.fixture
def photo(tmp_path):
    """A portrait with metadata."""
    path = tmp_path / "eileen.jpg"
    with Image.open(PORTRAIT) as image:
        image.save(path, quality=85, exif=exif_with(text="Ada's camera"), icc_profile=SRGB)
    return path


@pytest.fixture
def opened(editor, photo, tmp_path):
    (tmp_path / "folder").mkdir()
    return work.open_photo(editor, photo, tmp_path / "folder")


def test_the_download_is_what_the_command_line_writes(editor, opened, photo, tmp_path):
    stages: list[int] = []
    done = work.edit(editor, opened, Wishes({"blond": 0.8}), stage=lambda n, what: stages.append(n))
    assert stages == list(range(work.STAGES))
    out = tmp_path / "out.jpg"
    result = CliRunner().invoke(app, ["translate", "-a", "blond=0.8", str(photo), "-o", str(out), "--device", "cpu"])
    assert result.exit_code == 0, result.stderr
    assert done.download.read_bytes() == out.read_bytes()
    assert b"Ada's camera" in done.download.read_bytes()
    assert (done.download.name, done.done) == ("eileen.blond.jpg", "blond=0.8")


def test_everything_at_once_is_one_plan(editor, opened):
    wishes = Wishes({"round-glasses": 1.0}, "#2e4fa0", 0.5, True, {"smile": 0.0, "open": 0.5}, yaw=5.0)
    plan = work.plan_of(wishes, editor)
    assert isinstance(plan, Combined)
    assert list(plan.names) == ["round-glasses", "hair-2e4fa0", "open+0.5", "yaw+5"]
    assert plan.words is not None
    assert plan.words.words["hair-2e4fa0"] == 0.5
    done = work.edit(editor, opened, wishes)
    assert done.download.name == "eileen.round-glasses.hair-2e4fa0.open+0.5.yaw+5.jpg"
    before, after = (pixels(path) for path in (done.before, done.after))
    assert before.shape == after.shape == (512, 512, 3)
    assert np.abs(before - after).mean() > 1


def test_a_warning_names_the_box_of_the_page(editor, opened):
    done = work.edit(editor, opened, Wishes(yaw=-55.0))
    assert len(done.warnings) == 1
    assert "(tick “Do it whatever the classifier sees” under More to turn it all the way)" in done.warnings[0]


def test_nothing_chosen_is_said(editor, opened):
    with pytest.raises(ConfigError, match="nothing is chosen"):
        work.edit(editor, opened, Wishes(expression={"smile": 0.0}))


def test_a_long_list_of_edits_gives_a_short_name(editor, opened):
    words = {"aviator-glasses": 1.0, "no-young": 1.0, "no-smiling": 1.0, "mustache": 1.0, "no-bangs": 1.0}
    wishes = Wishes(words, expression=dict.fromkeys(SLIDERS, 0.1), yaw=1, pitch=1, roll=1)
    assert work.edit(editor, opened, wishes).download.name == "eileen.edited.jpg"


def test_one_face_of_two_is_edited_alone(editor, tmp_path):
    single = photos.read(PORTRAIT).rgb[:360, 60:420]
    path = saved(tmp_path / "two.png", np.concatenate([single, single[:, ::-1]], axis=1))
    opened = work.open_photo(editor, path, tmp_path)
    assert len(opened.prepared.faces) == 2
    left = int(np.argmin([face.box[0] for face in opened.prepared.faces]))
    done = work.edit(editor, opened, Wishes(yaw=10.0), str(left))
    change = np.abs(pixels(done.download) - pixels(path))
    assert change[:, :200].max() > 50
    assert change[:, 520:].max() == 0
    kept = opened.faces(editor, str(left))
    assert opened.faces(editor, str(left)) is kept  # not looked for again
    assert opened.faces(editor, "all") is opened.prepared


def test_a_large_photo_is_shown_small_and_written_large(editor, tmp_path):
    path = tmp_path / "large.jpg"
    with Image.open(PORTRAIT) as image:
        image.resize((1600, 1600)).save(path)
    opened = work.open_photo(editor, path, tmp_path)
    shown = work.show(opened)
    outlined, plain = pixels(shown), cv2.resize(photos.read(path).rgb, (work.SHOWN, work.SHOWN)).astype(int)
    x0, y0, _, _ = (opened.prepared.faces[0].box * opened.scale).astype(int)
    assert outlined.shape == plain.shape
    assert np.abs(outlined - plain)[y0 - 3 : y0 + 4, x0 : x0 + 60].max() > 100  # the box
    assert np.abs(outlined - plain)[-200:].max() < 60
    assert work.face_at(opened, x0 + 10, y0 + 10) == 0
    assert work.face_at(opened, 5, work.SHOWN - 5) is None
    done = work.edit(editor, opened, Wishes({"blond": 1.0}))
    assert not shown.exists()  # what was shown before is gone
    assert pixels(done.download).shape == (1600, 1600, 3)
    assert pixels(done.after).shape == (work.SHOWN, work.SHOWN, 3)


def test_a_sideways_photo_is_outlined_as_it_came(editor, tmp_path):
    path = tmp_path / "side.png"
    with Image.open(PORTRAIT) as image:
        image.rotate(90, expand=True).save(path)
    opened = work.open_photo(editor, path, tmp_path)
    (face,) = opened.prepared.faces
    middle = opened.prepared.as_given(face).landmarks[2]
    assert work.face_at(opened, *middle) == 0
    assert middle[0] < 220  # the head lies on the left


def test_visitors_have_folders_of_their_own_and_leave_nothing(editor, photo, tmp_path):
    folder = tmp_path / "both"
    folder.mkdir()
    one, other = (work.open_photo(editor, photo, folder) for _ in range(2))
    shown = [work.show(one), work.show(other)]
    assert shown[0].parent.parent != shown[1].parent.parent
    one.close()
    assert not shown[0].exists()
    assert shown[1].exists()
    other.close()
    assert list(folder.iterdir()) == []


def test_errors_speak_of_the_photo_by_its_name(editor, tmp_path):
    path = tmp_path / "secret-place" / "wood.jpg"
    path.parent.mkdir()
    path.write_bytes(b"no photo")
    with pytest.raises(PhotoError) as caught:
        work.open_photo(editor, path, tmp_path)
    said = work.sentence(caught.value, path)
    assert said.startswith("wood.jpg: ")
    assert "secret-place" not in said
    saved(path, picture(64, 64))
    with pytest.raises(NoFaceError) as no_face:
        work.open_photo(editor, path, tmp_path)
    assert work.sentence(no_face.value, path).startswith("No face was found")
    assert [one.name for one in tmp_path.iterdir()] == ["secret-place"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rgba(122.4, 59, 46, 1)", "#7a3b2e"),
        ("rgb(300,-5,46)", "#ff002e"),
        ("#7A3B2E", "#7A3B2E"),
        ("rgba(a, b)", "rgba(a, b)"),
    ],
)
def test_a_pickers_colour_is_read(text, expected):
    assert work.hex_colour(text) == expected


def test_a_heic_photo_works_like_any_other(editor, tmp_path):
    pytest.importorskip("pillow_heif", reason="pillow-heif is not installed")
    heic = tmp_path / "telephone.heic"
    data = photos.encode(photos.read(PORTRAIT), "HEIF")
    heic.write_bytes(data)
    opened = work.open_photo(editor, heic, tmp_path)
    done = work.edit(editor, opened, Wishes({"blond": 1.0}))
    assert done.download.name == "telephone.blond.heic"
    assert pixels(done.download).shape == (512, 512, 3)
