"""Words at strengths from 0 to 1: what is named, how it is laid out, and what each picture shows."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from imgedit import errors, photo
from imgedit.editor import Editor
from imgedit.edits import interpolate
from imgedit.photo import Photo
from imgedit.vision.faces import Face
from imgedit.vision.geometry import FACE_TEMPLATE
from tests import toy_models as models
from tests.command_line import app


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One face in every photo, and toy models that are found by name."""
    landmarks = (FACE_TEMPLATE + 60.0).astype(np.float32)
    face = Face(np.array([60, 60, 238, 278], np.float32), landmarks, 0.99)
    monkeypatch.setattr("imgedit.vision.faces.detect", lambda rgb, **options: [face])
    monkeypatch.setenv("IMGEDIT_HOME", str(tmp_path / "home"))
    return tmp_path


@pytest.fixture
def editor(home: Path) -> Editor:
    parser = models.parser(home / "parser", size=64)
    seen = {"Eyeglasses": 0.1, "Smiling": 0.2, "Wearing_Hat": 0.1}
    classifier = models.classifier(home / "classifier", seen)
    return Editor(
        [models.hair(home / "hair"), models.face(home / "face")],
        "cpu",
        parser=str(parser.folder),
        classifier=str(classifier.folder),
    )


def scene() -> np.ndarray:
    rgb = np.full((330, 300, 3), (180, 170, 150), np.uint8)
    rgb[110:160, 110:190] = 30
    return rgb


def test_steps_are_even_and_each_picture_is_what_translate_gives_at_that_strength(editor: Editor) -> None:
    words = {"blond": 1.0, "smiling": 0.5}
    pictures = editor.interpolate(scene(), words, steps=5)
    for i, shown in enumerate(pictures):
        want = editor.translate(scene(), words, strength=i / 4)
        np.testing.assert_allclose(shown.astype(int), want, atol=1)  # words add up in another order
    np.testing.assert_array_equal(pictures[0], scene())
    np.testing.assert_array_equal(pictures[4], editor.translate(scene(), words))


def test_one_word_in_steps_is_pixel_equal_to_translate(editor: Editor) -> None:
    for word in ("blond", "smiling"):
        pictures = editor.interpolate(scene(), word, steps=3)
        np.testing.assert_array_equal(pictures[1], editor.translate(scene(), {word: 0.5}))


def test_pictures_come_as_the_photo_came(editor: Editor, home: Path) -> None:
    rgba = np.dstack([scene(), np.full((330, 300), 99, np.uint8)])
    assert [a.shape for a in editor.interpolate(rgba, "blond", steps=2)] == [(330, 300, 4)] * 2
    strip = editor.interpolate(rgba, "blond", steps=3, layout="strip")
    assert strip.shape == (330, 900, 4)
    assert (strip[..., 3] == 99).all()
    assert all(isinstance(i, Image.Image) for i in editor.interpolate(Image.fromarray(scene()), "blond", steps=2))
    Image.fromarray(scene()).save(home / "a.png")
    written = editor.interpolate(home / "a.png", "blond", steps=3)
    assert written == [home / f"a.blond-{i}.png" for i in range(3)]
    np.testing.assert_array_equal(photo.read(written[2]).rgb, editor.translate(scene(), "blond"))
    strip_file = editor.interpolate(home / "a.png", "blond", steps=3, layout="strip")
    assert strip_file == home / "a.blond.strip.png"
    assert photo.read(strip_file).width == 900


def test_an_animation_goes_there_and_back(editor: Editor, home: Path) -> None:
    Image.fromarray(np.tile(scene(), (3, 3, 1))).save(home / "a.png")
    (home / "a.png").chmod(0o600)
    written = editor.interpolate(home / "a.png", "blond", steps=4, layout="gif")
    assert written == home / "a.blond.gif"
    assert (home / "a.blond.gif").stat().st_mode & 0o777 == 0o600  # as the photo
    assert b"compositeWithTrainedAlgorithmicMedia" in (photo.read(written).metadata.xmp or b"")
    with Image.open(written) as film:
        assert film.n_frames == 6
        assert max(film.size) == interpolate.GIF_SIDE
        assert film.info["loop"] == 0
        frames = []
        for i in range(6):
            film.seek(i)
            frames.append(np.asarray(film.convert("RGB")).astype(int))
    means = [frame.mean() for frame in frames]
    assert means[0] < means[1] < means[2] < means[3]
    assert means[4:] == pytest.approx(means[2:0:-1], abs=0.5)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"steps": 1}, "2 to 64 steps, not 1"),
        ({"steps": 65}, "2 to 64 steps, not 65"),
        ({"layout": "film"}, "unknown layout 'film'; known: files, strip, gif"),
        ({"layout": "gif"}, "an animation is written to a file"),
        ({"out": "x.png"}, "save this result yourself"),
    ],
)
def test_what_cannot_be_is_said_before_the_work(editor: Editor, options: dict[str, Any], says: str) -> None:
    with pytest.raises(errors.ConfigError, match=says):
        editor.interpolate(scene(), "blond", **options)


def test_an_animation_is_not_hidden_behind_another_ending(editor: Editor, home: Path) -> None:
    Image.fromarray(scene()).save(home / "a.png")
    with pytest.raises(errors.OutputError, match=r"must end in \.gif"):
        editor.interpolate(home / "a.png", "blond", layout="gif", out=home / "b.png")


def test_files_are_written_all_or_none(editor: Editor, home: Path) -> None:
    Image.fromarray(scene()).save(home / "a.png")
    (home / "a.blond-3.png").write_bytes(b"mine")
    with pytest.raises(errors.OutputError, match=r"a\.blond-3\.png: exists already"):
        editor.interpolate(home / "a.png", "blond")
    assert sorted(path.name for path in home.glob("*.png")) == ["a.blond-3.png", "a.png"]


def test_a_strip_of_opaque_photos_has_no_alpha() -> None:
    plan = interpolate.Interpolation(None, 2, "strip")  # type: ignore[arg-type]
    (strip,) = plan.laid_out([Photo(scene()), Photo(scene())])
    assert isinstance(strip, Photo)
    assert strip.alpha is None


def run(*args: Any) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["interpolate", *map(str, args)])
    return done.exit_code, done.stdout, done.stderr


def test_the_command_writes_numbered_photos_a_strip_or_an_animation(editor: Editor, home: Path) -> None:
    Image.fromarray(scene()).save(home / "a.png")
    model = ("--model", editor.models[1].folder, "--device", "cpu")
    asked = ("--attr", "smiling", home / "a.png", *model)
    code, out, err = run(*asked, "--steps", 3)
    assert (code, out.splitlines(), err) == (0, [str(home / f"a.smiling-{i}.png") for i in range(3)], "")
    assert run(*asked, "--strip", "-o", home / "s.jpg")[:2] == (0, f"{home / 's.jpg'}\n")
    assert run(*asked, "--gif", "-q")[:2] == (0, f"{home / 'a.smiling.gif'}\n")
    assert Image.open(io.BytesIO((home / "a.smiling.gif").read_bytes())).format == "GIF"


def test_what_a_warning_says_of_force_is_so(editor: Editor, home: Path) -> None:
    Image.fromarray(scene()).save(home / "a.png")
    asked = ("--attr", "no-smiling", home / "a.png", "--model", editor.models[1].folder, "--device", "cpu", "--strip")
    code, _, err = run(*asked)
    assert (code, "use --force to do it fully" in err) == (0, True)
    code, _, err = run(*asked, "--force", "--overwrite")
    assert (code, "warning: " in err) == (0, False)
    strip = photo.read(home / "a.no-smiling.strip.png").rgb
    forced = editor.translate(scene(), "no-smiling", force=True)
    np.testing.assert_array_equal(strip[:, -300:], forced)
    np.testing.assert_array_equal(editor.interpolate(scene(), "no-smiling", steps=2, force=True)[1], forced)
    code, _, err = run("--to", home / "a.png", home / "a.png", "--force")
    assert (code, "--force is for words" in err) == (2, True)


def test_the_command_refuses_two_layouts_and_several_pictures_on_stdout(editor: Editor, home: Path) -> None:
    Image.fromarray(scene()).save(home / "a.png")
    asked = ("--attr", "smiling", home / "a.png", "--model", editor.models[1].folder)
    code, out, err = run(*asked, "--strip", "--gif")
    assert (code, out) == (2, "")
    assert "choose one" in err
    code, out, err = run(*asked, "-o", "-")
    assert (code, out) == (2, "")
    assert "standard output takes one picture, not 5" in err
