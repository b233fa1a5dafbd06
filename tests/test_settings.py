"""Where settings come from: the command line, else the environment, else the file, else the default."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
import typer.main
from PIL import Image
from typer.testing import CliRunner

import imgedit
from imgedit import settings
from imgedit.errors import ConfigError
from imgedit.models import library
from imgedit.vision import faces
from tests.command_line import app

ROOT = Path(imgedit.__file__).parent.parent
PORTRAIT = ROOT / "imgedit" / "bundled" / "astronaut.jpg"
BLOND = ("translate", "--attr", "blond", "--device", "cpu", PORTRAIT)


def run(*args):
    done = CliRunner().invoke(app, [str(a) for a in args], catch_exceptions=False, prog_name="imgedit")
    return done.exit_code, done.stdout, done.stderr


@pytest.fixture
def file(tmp_path, monkeypatch):
    path = tmp_path / "config.toml"
    monkeypatch.setenv("IMGEDIT_CONFIG", str(path))
    return path


def listed():
    return {one["setting"]: one for one in map(json.loads, run("config", "--json")[1].splitlines())}


def test_config_says_where_each_value_comes_from(file, monkeypatch):
    file.write_text('device = "cpu"\nmin_face = 40\nstrip = true\n')
    monkeypatch.setenv("IMGEDIT_DEVICE", "auto")
    monkeypatch.setenv("IMGEDIT_NO_MARK", "yes")
    told = listed()
    assert set(told) == set(settings.SETTINGS)
    assert (told["device"]["value"], told["device"]["from"]) == ("auto", "IMGEDIT_DEVICE")
    assert (told["min-face"]["value"], told["min-face"]["from"]) == (40.0, str(file))
    assert (told["strip"]["value"], told["strip"]["from"]) == (True, str(file))
    assert (told["no-mark"]["value"], told["no-mark"]["from"]) == (True, "IMGEDIT_NO_MARK")
    assert (told["jobs"]["value"], told["jobs"]["from"]) == (1, "default")
    _, out, err = run("config")
    assert f"settings are read from {file}\n" in err
    assert "strip     true  (" in out


def test_the_file_is_where_the_system_keeps_settings(monkeypatch):
    monkeypatch.delenv("IMGEDIT_CONFIG", raising=False)
    import platformdirs

    assert settings.config_file() == Path(platformdirs.user_config_dir("imgedit")) / "config.toml"
    assert "which does not exist" in run("config")[2]


def test_a_command_takes_what_is_set_and_its_options_win(file, tmp_path, monkeypatch):
    file.write_text("min-face = 5000\n")
    args = ("translate", "--attr", "blond", "--device", "cpu", PORTRAIT, "-o", tmp_path / "a.jpg")
    code, _, err = run(*args)
    assert (code, "no face of at least 5000 px" in err) == (4, True)
    monkeypatch.setenv("IMGEDIT_MIN_FACE", "6000")
    assert "no face of at least 6000 px" in run(*args)[2]
    monkeypatch.setenv("IMGEDIT_NO_FACE", "skip")
    assert run(*args)[0] == 0
    assert run(*args, "--min-face", 10)[0] == 0
    assert (tmp_path / "a.jpg").is_file()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("device = 3", "device is auto, cpu, cuda or cuda:N, not 3"),
        ("device = 'gpu'", "device is auto, cpu, cuda or cuda:N, not 'gpu'"),
        ("face = 'nearest:a,b'", "face is all, largest, smallest"),
        ("no-face = 'maybe'", "no-face is fail, skip or copy, not 'maybe'"),
        ("jobs = true", "jobs is a whole number"),
        ("jobs = 0", "jobs is a whole number from 1 to 64, not 0"),
        ("min-face = -3", "min-face is a number from 0, not -3"),
        ("min-face = nan", "min-face is a number from 0, not nan"),
        ("max-size = -1.5", "max-size is a number from 0, not -1.5"),
        ("quality = 500", "quality is a whole number from 1 to 100, not 500"),
        ("strip = 1", "strip is true or false"),
        ("colour = 1", "unknown setting 'colour'; known: device, jobs"),
        ("= 1", "is no TOML"),
        ("\x00\xff", "is no TOML"),
    ],
)
def test_a_wrong_file_is_one_line_that_names_it_and_wrong_usage(file, text, says):
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError, match=re.escape(says)):
        settings.effective("device")
    code, out, err = run(*BLOND, "-o", "-")
    assert (code, out) == (2, "")
    assert f"{file}: {says}" in err
    assert run("translate", "--help")[0] == 0  # a help needs no settings


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("JOBS", "two", "a whole number from 1 to 64"),
        ("JOBS", "0", "a whole number from 1 to 64"),
        ("MIN_FACE", "-3", "a number from 0"),
        ("STRIP", "maybe", "1 or 0"),
        ("QUALITY", "1.5", "a whole number from 1 to 100"),
        ("NO_FACE", "maybe", "fail, skip or copy"),
        ("DEVICE", "gpu", "auto, cpu, cuda or cuda:N"),
    ],
)
def test_a_wrong_variable_is_named(file, monkeypatch, name, text, says):
    monkeypatch.setenv(f"IMGEDIT_{name}", text)
    says = f"IMGEDIT_{name} is {says}, not '{text}'"
    code, out, err = run("translate", "--attr", "blond", PORTRAIT, "-o", "-")
    assert (code, out) == (2, "")
    assert says in err
    code, out, err = run("config")
    assert (code, err.splitlines()[-1]) == (2, f"error: {says}")
    assert f"{text}  (IMGEDIT_{name}, wrong)" in out


@pytest.mark.parametrize("text", ["jobs = ][", "", None])
def test_config_says_what_is_wrong_with_the_file_and_shows_what_it_can(file, monkeypatch, text):
    monkeypatch.setenv("IMGEDIT_QUALITY", "80")
    if text is None:
        file.mkdir()
    else:
        file.write_text(text)
    code, out, err = run("config")
    assert err.startswith(f"settings are read from {file}\n")
    assert (code, f"\nerror: {file}: " in err) == ((0, False) if text == "" else (2, True))
    assert [line.split()[0] for line in out.splitlines()] == list(settings.SETTINGS)
    assert "quality   80  (IMGEDIT_QUALITY)" in out
    assert "jobs      1  (default)" in out


def test_config_tells_all_that_is_wrong(file, monkeypatch):
    wrong = {"quality": "500", "device": "'gpu'", "no-face": "'maybe'", "jobs": "0", "min-face": "2020-01-01"}
    file.write_text("strip = true\ncolour = 3\n" + "".join(f"{name} = {text}\n" for name, text in wrong.items()))
    monkeypatch.setenv("IMGEDIT_MAX_SIZE", "-1")
    code, out, err = run("config", "--json")
    told = {one["setting"]: one for one in map(json.loads, out.splitlines())}
    assert code == 2
    assert {name for name, one in told.items() if "problem" in one} == {*wrong, "max-size"}
    assert told["quality"]["value"] == "500"
    assert told["quality"]["problem"] == f"{file}: quality is a whole number from 1 to 100, not 500"
    assert (told["strip"]["value"], told["strip"]["from"]) == (True, str(file))
    lines = err.splitlines()
    assert len(lines) == 7
    assert all(line.startswith(f"error: {file}: ") for line in lines[:6])
    assert "unknown setting 'colour'" in lines[0]
    assert lines[6] == "error: IMGEDIT_MAX_SIZE is a number from 0, not '-1'"


def test_settings_take_what_their_options_take():
    found = set()
    for command in typer.main.get_command(app).commands.values():
        for param in command.params:
            setting = settings.SETTINGS.get((param.name or "").replace("_", "-"))
            if setting is not None and setting.least is not None:
                limits = param if hasattr(param, "min") else param.type  # by the version of Typer
                assert (limits.min, limits.max) == (setting.least, setting.most), setting.name
                found.add(setting.name)
    assert found == {name for name, setting in settings.SETTINGS.items() if setting.least is not None}


@pytest.mark.parametrize(
    "text",
    "all largest SMALLEST left right 0 12 nearest:3,4.5 nearest:-1,2 nearest:3 nearest:a,b first -1 nearest".split(),
)
def test_the_setting_face_takes_what_the_option_takes(text):
    try:
        is_face = bool(faces.check_choice(text))
    except ConfigError:
        is_face = False
    assert settings.SETTINGS["face"].takes(text) == is_face


def test_what_is_set_is_switched_off_on_the_command_line(file, monkeypatch):
    file.write_text("strip = true\nno-mark = true\nquiet = true\n")
    asked = []
    monkeypatch.setattr("imgedit.cli.translate.edit", lambda asked_of, *args, **more: asked.append(asked_of))
    for args in ((), ("--no-strip",), ("--mark",), ("--no-quiet",)):
        assert run(*BLOND, *args)[0] == 0
    found = [(one.strip, one.no_mark, one.quiet) for one in asked]
    assert found == [(True, True, True), (False, True, True), (True, False, True), (True, True, False)]
    monkeypatch.setattr("imgedit.cli.interpolate.edit", lambda asked_of, *args, **more: asked.append(asked_of))
    assert run("interpolate", *BLOND[1:], "--keep-metadata")[0] == 0
    assert not asked[-1].strip


def test_a_photo_keeps_its_metadata_and_gets_the_mark_against_the_settings(file, tmp_path):
    file.write_text("strip = true\nno-mark = true\n")
    exif = Image.Exif()
    exif[0x010F] = "Camera"  # the maker
    with Image.open(PORTRAIT) as image:
        image.save(tmp_path / "a.jpg", exif=exif)
    for name, args in (("bare", ()), ("whole", ("--no-strip", "--mark"))):
        assert run(*BLOND[:-1], tmp_path / "a.jpg", "-o", tmp_path / f"{name}.jpg", *args)[0] == 0
        with Image.open(tmp_path / f"{name}.jpg") as image:
            is_whole = (image.getexif().get(0x010F) == "Camera", b"DigitalSourceType" in image.info.get("xmp", b""))
        assert is_whole == (bool(args), bool(args))


def test_a_variable_that_nothing_reads_is_said_once_with_the_nearest_name(file, monkeypatch):
    monkeypatch.setenv("IMGEDIT_QUALTY", "80")
    warning = "warning: IMGEDIT_QUALTY is set, and nothing reads it; the nearest known name is IMGEDIT_QUALITY\n"
    for args in (["models"], ["models", "path", "mtcnn.facenet"], ["config", "--json"]):
        code, _, err = run(*args)
        assert (code, err) == (0, warning)
        assert run(*args, "--quiet")[::2] == (0, "")
    monkeypatch.setenv("IMGEDIT_FOO", "1")
    assert "warning: IMGEDIT_FOO is set" in run("models")[2]


@pytest.mark.skipif(not (ROOT / ".ci" / "run").is_file(), reason="installed without its repository")
def test_every_variable_that_is_read_is_known(monkeypatch):
    """Also those of the tests and of the checks, but for the wrong names in this file."""
    files = [
        ROOT / ".ci" / "run",
        *(path for name in ("imgedit", "training", "tests") for path in (ROOT / name).rglob("*")),
    ]
    read = set()
    for path in files:
        if path.suffix in (".py", ".md", "") and path.is_file() and path != Path(__file__):
            read |= set(
                re.findall(r"(?<![A-Z_])IMGEDIT_[A-Z_]*[A-Z]", path.read_text(encoding="utf-8", errors="replace"))
            )
    assert {"IMGEDIT_DATA", "IMGEDIT_CONFIG", "IMGEDIT_PAGE_PASSWORD"} <= read
    for name in [name for name in os.environ if name.startswith("IMGEDIT_")]:
        monkeypatch.delenv(name)
    for name in (*read, *(setting.variable for setting in settings.SETTINGS.values())):
        monkeypatch.setenv(name, "1")
    assert settings.unknown_variables() == []


def test_the_folder_of_models_can_be_set_in_the_file(file, tmp_path, monkeypatch):
    monkeypatch.delenv("IMGEDIT_HOME", raising=False)
    file.write_text(f"home = '{tmp_path / 'elsewhere'}'\n")
    assert library.cache_folder() == tmp_path / "elsewhere" / "models"
    monkeypatch.setenv("IMGEDIT_HOME", str(tmp_path / "nearer"))
    assert library.cache_folder() == tmp_path / "nearer" / "models"


def test_a_changed_file_is_read_again(file):
    file.write_text("jobs = 2\n")
    assert settings.value("jobs") == 2
    file.write_text("jobs = 12\n")
    assert settings.value("jobs") == 12
    file.unlink()
    assert settings.value("jobs") == 1
