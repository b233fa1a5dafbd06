"""Where settings come from: the command line, else the environment, else the file, else the default."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

import imgedit
from imgedit import settings
from imgedit.errors import ConfigError
from imgedit.models import library
from tests.command_line import app

PORTRAIT = Path(imgedit.__file__).parent / "bundled" / "astronaut.jpg"


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
        ("device = 3", "device is text"),
        ("jobs = true", "jobs is a whole number"),
        ("strip = 1", "strip is true or false"),
        ("colour = 1", "unknown setting 'colour'; known: device, jobs"),
        ("= 1", "is no TOML"),
        ("\x00\xff", "is no TOML"),
    ],
)
def test_a_wrong_file_is_one_line_and_wrong_usage(file, text, says):
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError, match=says):
        settings.effective("device")
    code, out, err = run("translate", "--attr", "blond", PORTRAIT, "-o", "-")
    assert (code, out) == (2, "")
    assert says in " ".join(err.split())
    assert run("config")[0] == 2
    assert run("translate", "--help")[0] == 0  # a help needs no settings


@pytest.mark.parametrize(("name", "text"), [("JOBS", "two"), ("STRIP", "maybe"), ("QUALITY", "1.5")])
def test_a_wrong_variable_is_named(file, monkeypatch, name, text):
    monkeypatch.setenv(f"IMGEDIT_{name}", text)
    with pytest.raises(ConfigError, match=f"IMGEDIT_{name} is .*, not '{text}'"):
        settings.effective(name.lower())


def test_a_value_that_an_option_refuses_is_refused_from_the_file_too(file):
    file.write_text("quality = 300\n")
    code, _, err = run("translate", "--attr", "blond", PORTRAIT, "-o", "-")
    assert code == 2
    assert "'--quality'" in err


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
