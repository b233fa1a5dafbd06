"""Contact sheets, of copies of the bundled portrait in the layout of CelebAMask-HQ."""

from __future__ import annotations

import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import imgedit
from imgedit import photo as photos
from imgedit.errors import ConfigError, DataError
from tests.command_line import app
from training.evaluate.faces import sheet

PORTRAIT = Path(imgedit.__file__).parent / "bundled" / "astronaut.jpg"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return 30 pictures: the portrait ever darker, but for an empty wall as the last but one."""
    root = tmp_path_factory.mktemp("hq")
    (root / "images").mkdir()
    portrait = cv2.resize(photos.read(PORTRAIT).rgb, (256, 256), interpolation=cv2.INTER_AREA)
    for i in range(30):
        picture = np.full_like(portrait, 200) if i == 28 else np.clip(portrait.astype(int) - i, 0, 255)
        Image.fromarray(np.asarray(picture, np.uint8)).save(root / "images" / f"{i:05d}.jpg", quality=95)
    return root


def test_a_sheet_shows_each_held_out_face_before_and_after_at_full_size(folder: Path) -> None:
    drawn = sheet.draw("blond", f"celebamask_hq:{folder}", seed=3, device="cpu")
    assert sorted(drawn.names) == ["00027.jpg", "00029.jpg"]  # the wall has no face
    assert drawn.picture.shape == (256 + 4, 2 * (512 + 4), 3)
    for i, name in enumerate(drawn.names):
        before = photos.read(folder / "images" / name).rgb
        pair = drawn.picture[:256, i * 516 : i * 516 + 512]
        np.testing.assert_array_equal(pair[20:, :256], before[20:])  # below the number
        assert (np.abs(pair[20:, 256:].astype(int) - before[20:]).max(2) > 25).mean() > 0.02
    pairs = [f"{i:3d} {name}" for i, name in enumerate(drawn.names, 1)]
    assert drawn.lines() == ["'blond' is an experimental word; look at the result", *pairs, "left as they were: 0"]
    assert drawn.told()["experimental"] == ["blond"]
    again = sheet.draw("blond", f"celebamask_hq:{folder}", seed=3, device="cpu", n=1)
    assert again.names == drawn.names[:1]


def test_a_sheet_speaks_of_no_way_to_force_an_edit_which_it_has_not(folder: Path) -> None:
    drawn = sheet.draw("brown-hair", f"celebamask_hq:{folder}", n=1, device="cpu")
    ((said,),) = drawn.warnings
    assert re.fullmatch(r"the face at \d+, \d+ is so already: 'brown-hair' changes little \(0\.\d+\)", said)
    assert any(line.endswith(said) for line in drawn.lines())


def test_faces_that_a_word_leaves_as_they_are_are_passed_over_and_named(folder: Path) -> None:
    with pytest.raises(DataError, match="'eyeglasses=0' changes none of the 3 valid pictures"):
        sheet.draw("eyeglasses=0", f"celebamask_hq:{folder}", split="valid", device="cpu")
    drawn = sheet.Sheet(np.zeros((4, 4, 3), np.uint8), ["a.jpg"], [["is so already"]], ["b.jpg", "c.jpg"])
    assert drawn.lines() == ["  1 a.jpg: is so already", "left as they were: 2 b.jpg c.jpg"]


def test_the_held_out_pictures_are_the_last_tenth_and_to_choose_by_the_one_before(folder: Path) -> None:
    named = [[path.stem for path in sheet.held_out(f"celebamask_hq:{folder}", split)] for split in ("test", "valid")]
    assert named == [["00027", "00028", "00029"], ["00024", "00025", "00026"]]
    with pytest.raises(ConfigError, match="celeba:DIR, celebamask_hq:DIR or utkface:DIR"):
        sheet.held_out("mnist:x")
    with pytest.raises(ConfigError, match="test or valid"):
        sheet.held_out("celebamask_hq:x", "train")
    with pytest.raises(DataError, match="no pictures in x/images"):
        sheet.held_out("celebamask_hq:x")
    with pytest.raises(DataError, match="no files such as 25_0_2"):
        sheet.held_out("utkface:x")


def test_of_utkface_all_chips_can_be_shown_and_none_chosen_by(tmp_path: Path) -> None:
    for name in ("9_1_0_20170116.jpg.chip.jpg", "25_0_2_20170117.jpg.chip.jpg", "other.jpg"):
        (tmp_path / name).write_bytes(b"")
    found = sheet.held_out(f"utkface:{tmp_path}")
    assert [path.name for path in found] == ["25_0_2_20170117.jpg.chip.jpg", "9_1_0_20170116.jpg.chip.jpg"]
    with pytest.raises(ConfigError, match="celeba:DIR, celebamask_hq:DIR or utkface:DIR"):
        sheet.held_out(f"utkface:{tmp_path}", "valid")


def test_the_command_writes_the_sheet_and_tells_whom_it_shows(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "blond.png"
    words = ["evaluate", "faces", "--data", f"celebamask_hq:{folder}", "--sheet", "blond", "--n", "1", "-o", str(out)]
    done = CliRunner().invoke(app, [*words, "--device", "cpu", "--json"])
    assert done.exit_code == 0, done.stderr
    with Image.open(out) as image:
        assert image.size == (516, 260)
    assert [list(pair) for pair in json.loads(done.stdout)["pairs"]] == [["file", "warnings"]]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--sheet", "blond"], "say where it goes with -o FILE"),
        (["--sheet", "blond", "-o", "sheet.mp3"], "call it sheet.png"),
        (["--sheet", "blond", "-o", "s.png", "--judge", "x"], "measures nothing"),
        ([], "name the run or model to measure, or draw a word with --sheet WORD"),
    ],
)
def test_a_sheet_needs_a_file_and_figures_need_a_model(words: list[str], said: str) -> None:
    done = CliRunner().invoke(app, ["evaluate", "faces", "--data", "celebamask_hq:x", *words])
    assert (done.exit_code, done.stdout) == (2, "")
    assert said in " ".join(done.stderr.split())
