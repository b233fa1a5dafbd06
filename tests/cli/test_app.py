"""The application around the commands: help, completion, Ctrl-C while it starts, errors in what was typed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

import imgedit
from imgedit.cli.app import COMMANDS, application
from imgedit.edits import translate
from imgedit.errors import ImgeditError
from imgedit.models import library
from tests import toy_models as models
from tests.command_line import app

ROOT = Path(imgedit.__file__).parent.parent


def run(*args, **env):
    done = CliRunner().invoke(app, [str(a) for a in args], catch_exceptions=False, prog_name="imgedit", env=env)
    return done.exit_code, done.stdout, done.stderr


def test_the_top_help_cuts_no_sentence():
    code, out, err = run("--help", COLUMNS="80")
    assert (code, err) == (0, "")
    assert "..." not in out.split("Commands:")[1]
    assert max(map(len, out.splitlines())) <= 80
    for command in app.registered_commands:
        sentence = (command.callback.__doc__ or "").strip().split("\n\n")[0].split(". ")[0]
        assert " ".join(sentence.split()).rstrip(".") in " ".join(out.split())


@pytest.mark.parametrize(
    "args",
    [["x\x1b[2J"], ["faces", "--no\x1b]0;x\x07"], ["faces", "a", "b\x1b[2J"], ["crop", "a", "--window", "\x1b\n[2J"]],
)
def test_what_was_typed_is_shown_and_not_sent_to_the_terminal(args):
    code, out, err = run(*args)
    assert (code, out) == (2, "")
    assert "\x1b" not in err
    assert r"\x1b" in err


@pytest.mark.parametrize("args", [[], ["--help"], ["--version"], ["nonsense"], ["faces", "--help"], ["faces"]])
def test_the_exit_code_is_2_for_wrong_usage_alone(args):
    assert run(*args)[0] == (0 if "--help" in args or "--version" in args else 2)


def complete(line: str, home: Path) -> list[str]:
    """What the shell is offered for the last word of a line."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "IMGEDIT_HOME": str(home), "_IMGEDIT_COMPLETE": "complete_bash",
           "COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1)}  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", "from imgedit.cli import main; main()"],
        env=env, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert done.stderr == ""
    return done.stdout.split()


def test_the_shell_is_offered_commands_words_models_faces_and_devices(tmp_path):
    models.hair(tmp_path / "models" / "hair")
    models.generator(tmp_path / "models" / "gan")
    (tmp_path / "models" / "broken").mkdir()
    (tmp_path / "models" / "broken" / "manifest.json").write_text("{")
    assert complete("imgedit tr", tmp_path) == ["translate", "train"]
    assert {"blond", "bangs"} <= set(complete("imgedit translate --attr b", tmp_path))
    assert "no-bangs" in complete("imgedit translate --attr no-", tmp_path)
    assert "stargan_hair.test" in complete("imgedit translate --attr blond --model st", tmp_path)
    assert "gan.test" in complete("imgedit sample g", tmp_path)
    assert "gan.test" in complete("imgedit models info g", tmp_path)
    assert complete("imgedit models v", tmp_path) == ["verify"]
    assert complete("imgedit frontalize photo.jpg --no-face s", tmp_path) == ["skip"]
    assert complete("imgedit crop photo.jpg --face l", tmp_path) == ["largest", "left"]
    assert complete("imgedit faces photo.jpg --device c", tmp_path) == ["cpu", "cuda", "cuda:0"]


def test_every_word_that_the_shell_is_offered_is_one_that_translate_takes(tmp_path):
    models.hair(tmp_path / "models" / "hair")
    models.bangs(tmp_path / "models" / "bangs")
    words = complete("imgedit translate --attr ", tmp_path)
    assert "no-smiling" in words
    assert "no-blond" not in words  # it leaves open which colour instead
    assert "no-beard" not in words  # beards are drawn, not taken away
    assert set(complete("imgedit translate --attr no-", tmp_path)) == {w for w in words if w.startswith("no-")}
    portrait = ROOT / "imgedit" / "bundled" / "astronaut.jpg"
    asked = ("translate", portrait, "--dry-run", "--device", "cpu", "-o", tmp_path / "o.jpg")
    refused = [word for word in words if run(*asked, "--attr", word, IMGEDIT_HOME=str(tmp_path))[0] != 0]
    assert refused == []


def test_the_shell_is_offered_all_words_that_translate_takes(tmp_path, monkeypatch):
    monkeypatch.setenv("IMGEDIT_HOME", str(tmp_path))
    models.hair(tmp_path / "models" / "hair")
    models.bangs(tmp_path / "models" / "bangs")
    found = library.available("translate")
    for chosen in (found, found[::-1], *([model] for model in found)):
        words = [no + word for no in ("", "no-") for model in chosen for word in model.manifest.words]
        assert set(library.askable_words(chosen)) == {word for word in words if is_taken(word, chosen)}


def is_taken(word, among):
    try:
        translate.prepare(word, among)
    except ImgeditError:
        return False
    return True


def test_the_shell_is_offered_models_that_can_be_removed(tmp_path):
    (tmp_path / "models" / "someone--broken").mkdir(parents=True)
    (tmp_path / "models" / "someone--broken" / "manifest.json").write_text("{")
    models.hair(tmp_path / "models" / "hair")
    shutil.copytree(library.bundled_folder() / "mtcnn.facenet", tmp_path / "models" / "someone--detector")
    names = complete("imgedit models remove ", tmp_path)
    assert names == ["hair", "someone/broken", "someone/detector"]
    for name in names:
        assert run("models", "remove", name, IMGEDIT_HOME=str(tmp_path))[0] == 0
    assert complete("imgedit models remove ", tmp_path) == []


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize(
    "module", ["imgedit.cli", "typer", "imgedit.cli.app", "imgedit.cli.translate", "numpy", "PIL", "onnxruntime", "cv2"]
)
def test_ctrl_c_while_the_program_starts_is_no_traceback(module, tmp_path):
    code = f"""
import importlib.abc, os, runpy, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts background jobs with it ignored
class Interrupt(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == {module!r}:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupt())
sys.argv = ["imgedit", "translate", "--attr", "blond", {str(ROOT / "imgedit/bundled/astronaut.jpg")!r}, "-o", "o.png"]
runpy.run_module("imgedit", run_name="__main__", alter_sys=True)
"""
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(ROOT)}, cwd=tmp_path,
                          capture_output=True, text=True, check=False, timeout=60)  # fmt: skip
    assert done.returncode in (130, -signal.SIGINT)
    assert done.stderr in ("", "interrupted\n")
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_model_or_word_is_said_before_an_output_that_exists(tmp_path):
    portrait = ROOT / "imgedit" / "bundled" / "astronaut.jpg"
    (tmp_path / "o.png").write_bytes(b"mine")
    for args, says in ((["--model", "nope"], "no model 'nope'"), (["--attr", "blnod"], "blnod")):
        code, out, err = run("translate", portrait, "--attr", "blond", *args, "-o", tmp_path / "o.png")
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert says in err
    code, _, err = run("translate", portrait, "--attr", "blond", "-o", tmp_path / "o.png")
    assert (code, err) == (1, f"error: {tmp_path / 'o.png'}: exists already; use --overwrite or another name\n")
    assert (tmp_path / "o.png").read_bytes() == b"mine"


def test_a_command_is_built_alone_and_the_same_as_among_all():
    names = [name for commands in COMMANDS.values() for name in commands]
    group = typer.main.get_command(app)
    assert group.list_commands(None) == names  # the order of the help
    assert sorted(group.commands) == sorted(names)
    for name in names:
        alone = application(name)
        built = set(typer.main.get_command(alone).commands)
        assert built == next(set(commands) for commands in COMMANDS.values() if name in commands)
        helps = [CliRunner().invoke(one, [name, "--help"]).stdout for one in (alone, app)]
        assert helps[0] == helps[1] != ""


def test_the_top_help_is_the_same_without_the_commands_of_groups():
    helps = [CliRunner().invoke(one, ["--help"], prog_name="imgedit").stdout for one in (application("--help"), app)]
    assert helps[0] == helps[1] != ""
