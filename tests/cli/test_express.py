"""The command `express`, and `swap` for photos of faces."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from imgedit import photo as photos
from imgedit.models import library
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


@pytest.fixture
def turned(portrait: Path) -> Path:
    path = portrait.with_name("turned.png")
    assert run("pose", "--yaw", "-14", portrait, "-o", path, "--device", "cpu")[0] == 0
    return path


def test_express_writes_the_whole_photo_beside_it(portrait: Path) -> None:
    code, out, err = run("express", "--open", "-0.5", "--brows", "0.3", portrait, "--device", "cpu", "--json")
    assert (code, err) == (0, "")
    told = json.loads(out)
    assert told["strengths"] == {"open": -0.5, "brows": 0.3}
    assert told["written"] == [str(portrait.with_name("eileen.open-0.5.brows+0.3.jpg"))] or len(told["written"]) == 1
    edited = photos.read(told["written"][0]).rgb
    assert edited.shape == photos.read(portrait).rgb.shape
    assert (edited != photos.read(portrait).rgb).any()


def test_express_compares_and_is_marked(portrait: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.jpg"
    code, out, _ = run("express", "--neutral", portrait, "-o", target, "--compare", "--device", "cpu")
    assert code == 0
    assert out.split() == [str(target), str(tmp_path / "out.compare.jpg")]
    assert b"trainedAlgorithmicMedia" in target.read_bytes() or b"composite" in target.read_bytes()
    assert run("express", "--neutral", portrait, "-o", target, "--device", "cpu")[0] == 1  # it exists


def test_like_names_the_copy_after_the_other_photo(portrait: Path, turned: Path) -> None:
    code, out, _ = run("express", "--like", turned, portrait, "--device", "cpu")
    assert (code, out.strip()) == (0, str(portrait.with_name("eileen.like-turned.jpg")))


def test_a_swap_of_photos_is_the_first_at_its_own_size(portrait: Path, turned: Path) -> None:
    code, out, err = run("swap", portrait, turned, "--device", "cpu", "--json")
    assert (code, err) == (0, "")
    told = json.loads(out)
    assert told["written"] == str(portrait.with_name("eileen.swap.turned.jpg"))
    assert told["model"] == "face_mesh.mediapipe"
    assert len(told["faces"]) == 2
    edited, before = photos.read(told["written"]).rgb, photos.read(portrait).rgb
    assert edited.shape == before.shape
    assert (edited != before).any()


def test_the_small_model_stays_reachable_by_its_name(portrait: Path, turned: Path, tmp_path: Path) -> None:
    target = tmp_path / "small.png"
    code, _, _ = run("swap", portrait, turned, "--model", "cycle_vae.cfp", "-o", target, "--device", "cpu")
    assert code == 0
    assert photos.read(target).rgb.shape == (64, 64, 3)


@pytest.mark.parametrize(
    ("command", "code", "says"),
    [
        (["express"], 2, "say what to change"),
        (["express", "--smile", "nan"], 2, "-3 to 3"),
        (["express", "--neutral", "--like", "b.png"], 2, "contradict"),
        (["express", "--like", "gone.png"], 1, "no such file"),
        (["express", "--like", "wall.png"], 4, "wall.png: no face"),
        (["express", "--smile", "1", "-o", "-", "--json"], 2, "need a file name"),
        (["swap", "wall.png", "--take", "pose"], 4, "no face"),
        (["swap", "wall.png", "--take", "nose"], 2, "pose, expression or both of photos"),
        (["swap", "wall.png", "--take", "s", "--force"], 2, "leave it out"),
        (["swap", "wall.png", "--take", "pose", "--grid"], 2, "leave out steps, grid and model"),
    ],
)
def test_wrong_usage_is_one_line_and_nothing_is_written(
    portrait: Path, monkeypatch: pytest.MonkeyPatch, command: list[str], code: int, says: str
) -> None:
    monkeypatch.chdir(portrait.parent)
    photos.write(
        photos.read(np.full((96, 96, 3), (90, 80, 70), np.uint8)), np.full((96, 96, 3), 90, np.uint8), Path("wall.png")
    )
    done, out, err = run(*command, portrait.name, "--device", "cpu")
    assert (done, out, err.count("\n")) == (code, "", 1), err
    assert says in err
    assert sorted(path.name for path in portrait.parent.iterdir()) == ["eileen.jpg", "wall.png"]
