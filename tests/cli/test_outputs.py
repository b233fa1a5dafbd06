"""What `-o` may name, for every command that writes pictures."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

import imgedit
from tests.command_line import app

PORTRAIT = Path(imgedit.__file__).parent / "bundled" / "astronaut.jpg"
COMMANDS = {
    "translate --attr blond a.jpg": "a.blond.jpg",
    "pose --yaw 5 a.jpg": "a.yaw+5.jpg",
    "pose --sheet a.jpg": "a.views.jpg",
    "frontalize a.jpg": "a.frontal.jpg",
    "express --smile 1 a.jpg": "a.smile+1.jpg",
    "sleeves --to short --whole --force a.jpg": "a.sleeves-short.jpg",
    "interpolate --attr blond --steps 2 --gif a.jpg": "a.blond.gif",
    "interpolate --to b.jpg --steps 2 a.jpg": "a.steps.b.png",
    "swap a.jpg b.jpg": "a.swap.b.jpg",
    "swap a.jpg b.jpg --model cycle_vae.cfp": "a.swap.b.png",
    "swap a.jpg b.jpg a.jpg": "b.swap.a.jpg",
    "crop a.jpg": "a.crop.jpg",
    "sample gan_r1.mnist -n 1": "00000.png",
}
"""Command -> the name of its result, or of one of them, in a folder."""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    with Image.open(PORTRAIT) as portrait:
        for name in ("a.jpg", "b.jpg"):
            portrait.resize((320, 320)).save(tmp_path / name)
    Image.new("RGB", (200, 200), "grey").save(tmp_path / "wall.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(command, out):
    done = CliRunner().invoke(app, [*command.split(), "-o", out], catch_exceptions=False)
    return done.exit_code, done.stdout, done.stderr


def inside(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


@pytest.mark.parametrize("command", COMMANDS)
def test_an_empty_name_is_refused(folder, command):
    code, out, err = run(command, "")
    assert (code, out) == (2, "")
    assert err == "error: -o names nothing; give a file, a folder or a template\n"
    assert inside(folder) == ["a.jpg", "b.jpg", "wall.png"]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_name_that_ends_in_a_slash_is_a_folder_whatever_its_ending(folder, command):
    code, _, err = run(command, "new.jpg/")
    assert code == 0, err
    assert f"new.jpg/{COMMANDS[command]}" in inside(folder)


def test_a_grid_is_no_folder(folder):
    code, out, err = run("sample gan_r1.mnist -n 2 --grid", "new/")
    assert (code, out) == (2, "")
    assert err == "error: a grid is one picture; name a file, such as new/grid.png\n"


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("translate --attr blond wall.png", 4),
        ("translate --attr blond wall.png --no-face skip", 0),
        ("translate --attr blond wall.png nothing.jpg", 3),
        ("translate --attr blond wall.png nothing.jpg -j 2", 3),
        ("swap wall.png a.jpg --take pose", 4),
        ("swap wall.png wall.png a.jpg --take pose", 3),
        ("interpolate --to a.jpg wall.png", 4),
        ("pose --sheet wall.png", 4),
        ("crop wall.png", 4),
    ],
)
def test_where_nothing_is_written_no_folder_is_left(folder, command, code):
    for out in ("new/deep/", "new/{stem}.{edit}{ext}"):
        found, _, err = run(command, out)
        assert found == code, err
        assert inside(folder) == ["a.jpg", "b.jpg", "wall.png"]
