"""The command `sleeves`."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from imgedit import photo as photos
from imgedit.models import library
from tests.command_line import app

PORTRAIT = library.bundled_folder() / "astronaut.jpg"
DATA = Path(os.environ.get("IMGEDIT_DATA", "")) / "sleeve_models"


def run(*arguments: object) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return done.exit_code, done.stdout, done.stderr


@pytest.fixture
def portrait(tmp_path: Path) -> Path:
    path = tmp_path / "eileen.jpg"
    path.write_bytes(PORTRAIT.read_bytes())
    return path


def test_a_photo_without_seen_arms_is_written_as_it_is_with_a_warning(portrait: Path) -> None:
    target = portrait.with_name("out.png")
    code, out, err = run("sleeves", "--to", "short", portrait, "-o", target, "--device", "cpu")
    assert (code, out.strip()) == (0, str(target))
    assert "no arm is seen down to the wrist" in err
    assert (photos.read(target).rgb == photos.read(portrait).rgb).all()


def test_the_copy_is_named_after_the_length_and_json_tells_the_people(portrait: Path) -> None:
    code, out, _ = run("sleeves", "--to", "long", portrait, "--whole", "--json", "--device", "cpu")
    assert code == 0
    told = json.loads(out)
    assert told["written"] == [str(portrait.with_name("eileen.sleeves-long.jpg"))]
    assert told["to"] == "long"
    assert len(told["people"]) == 1
    assert told["people"][0]["points"]["left_shoulder"][2] > 0.5


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--to", "wide"], 2, "short or long, not 'wide'"),
        ([], 2, "--to"),
        (["--to", "short", "--box", "1,2,3"], 2, "X0,Y0,X1,Y1"),
        (["--to", "short", "--box", "a,b,c,d"], 2, "X0,Y0,X1,Y1"),
        (["--to", "short", "--box", "0,0,9,9", "--whole"], 2, "contradict"),
        (["--to", "short", "-o", "-", "--json"], 2, "need a file name"),
    ],
)
def test_wrong_usage_is_one_line(portrait: Path, arguments: list[str], code: int, says: str) -> None:
    done, _, err = run("sleeves", *arguments, portrait, "--device", "cpu")
    assert done == code
    assert says in err


def test_a_photo_without_a_person_is_exit_code_4(tmp_path: Path) -> None:
    path = tmp_path / "wall.png"
    Image.fromarray(np.full((64, 64, 3), 128, np.uint8)).save(path)
    code, _, err = run("sleeves", "--to", "short", path, "--device", "cpu")
    assert code == 4
    assert "no person was found" in err
    assert "--box" in err


@pytest.mark.skipif(not DATA.is_dir(), reason="needs IMGEDIT_DATA with sleeve_models")
def test_two_people_of_one_photo_both_change(tmp_path: Path) -> None:
    pictures = pytest.importorskip("training.data.sleeves")
    listing = pictures.listed(DATA, "test")
    long = [row.name for row in listing if row.sleeve == "long"]
    wide = np.concatenate([pictures.upright(DATA / name) for name in long[2:4]], axis=1)
    Image.fromarray(np.repeat(np.repeat(wide, 2, 0), 2, 1)).save(tmp_path / "two.png")
    code, out, _ = run("sleeves", "--to", "short", tmp_path / "two.png", "--force", "--json", "--device", "cpu")
    assert code == 0
    told = json.loads(out)
    assert len(told["people"]) == 2
    differs = (photos.read(told["written"][0]).rgb != photos.read(tmp_path / "two.png").rgb).any(2)
    assert differs[:, :448].mean() > 0.01
    assert differs[:, 448:].mean() > 0.01
