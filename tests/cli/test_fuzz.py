"""Any command line: one of the documented exit codes, one line for an error, no traceback, nothing sent raw.

`pytest --fuzz-seconds 600 tests/cli/test_fuzz.py` looks longer; figures of such runs stand in `tests/README.md`.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import strategies as st
from PIL import Image
from typer.testing import CliRunner

from imgedit.text import printable
from tests import toy_models as models
from tests.command_line import app
from tests.fuzz import explore, texts

TEXT = texts(12)
ODD = st.sampled_from(
    [*"- -- -1 0 1e400 nan a/b ~nosuchuser/x %s {0} [bold] ../x ² https://example.com/a.jpg".split(), "", "x" * 5000]
) | st.sampled_from(["\x1b[2J", "two\nlines", "\u202e", "caf\udce9"])


def chosen(*usual: str) -> st.SearchStrategy[str]:
    """What fits, any short text, or what programs stumble over."""
    return st.one_of(st.sampled_from(usual), TEXT, ODD)


def within(name: str) -> str:
    """Keep outputs in the test's folder."""
    return name if name in ("folder/o.png", "no/o.png") else name.replace("/", "_").replace("~", "_")


WORD = chosen("blond", "no-blond", "blond=0.5", "blond=2", "smiling", "bangs", "no-", "=1")
PHOTO = chosen("wall.png", "grey.jpg", "tiny.png", "notes.jpg", "folder", "gone.jpg", "-", "link")
OUT = chosen(*"o.png o.jpg o.gif o.xyz wall.png folder folder/o.png no/o.png -".split()).map(within)
MODEL = chosen("stargan_hair.test", "stargan_face.test", "gan.test", "mtcnn.facenet")
NUMBER = st.one_of(st.integers(-3, 9).map(str), ODD)
FACE = chosen("largest", "all", "left", "right", "0", "7")
OPTIONS = {
    "--attr": WORD, "-a": WORD, "-o": OUT, "--out": OUT, "--face": FACE, "--strength": NUMBER, "--model": MODEL,
    "--device": chosen("cpu", "auto"), "--size": NUMBER, "--steps": NUMBER, "--take": TEXT, "--seed": NUMBER,
    "--window": chosen("face", "head"), "--draw": OUT, "-n": NUMBER,
    "--smile": NUMBER, "--open": NUMBER, "--like": PHOTO,
}  # fmt: skip
FLAGS = ["--overwrite", "--json", "--quiet", "--compare", "--crop-only", "--no-mark", "--strip", "--gif", "--grid",
         "--reject", "--all", "--words", "--neutral", "--force", "--help", "--version"]  # fmt: skip
COMMANDS = {
    "translate": ["--attr", "-o", "--face", "--strength", "--model", "--device"],
    "interpolate": ["--attr", "-o", "--face", "--steps", "--model", "--device"],
    "swap": ["-o", "--take", "--steps", "--model", "--device"],
    "express": ["--smile", "--open", "--like", "--strength", "-o", "--face", "--device"],
    "faces": ["--draw", "--device"],
    "crop": ["-o", "--face", "--size", "--window", "--device"],
    "attributes": ["--face", "--device"],
    "models": [],
    "sample": ["-o", "-n", "--seed", "--device"],
}
PARTS = st.one_of(
    PHOTO.map(lambda name: [name]),
    st.sampled_from(FLAGS).map(lambda flag: [flag]),
    st.sampled_from(sorted(OPTIONS)).flatmap(lambda option: OPTIONS[option].map(lambda value: [option, value])),
)


def of_command(command: str) -> st.SearchStrategy[list[str]]:
    """Lines with the command's own options, and some that it does not know."""
    own = [OPTIONS[o].map(lambda value, o=o: [o, value]) for o in COMMANDS[command]]
    parts = st.lists(st.one_of(PARTS, *own, *own), max_size=5)
    first = MODEL if command == "sample" else PHOTO
    return st.tuples(first, parts).map(lambda pair: [command, pair[0], *(word for part in pair[1] for word in part)])


LINES = st.one_of(
    st.sampled_from(sorted(COMMANDS)).flatmap(of_command),
    st.lists(st.one_of(PARTS, TEXT.map(lambda text: [text])), max_size=3).map(
        lambda parts: [word for part in parts for word in part]
    ),
)
LEFT_OUT = {
    "page",
    "train",
    "evaluate",
    "export",
    "checkpoints",
    "pull",
    "push",
    "--install-completion",
    "--show-completion",
}
"""What serves without end, trains for hours, asks the network, or changes the user's shell."""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    home = tmp_path / "home" / "models"
    models.hair(home / "hair")
    models.face(home / "face")
    models.generator(home / "gan")
    work = tmp_path / "work"
    (work / "folder").mkdir(parents=True)
    Image.new("RGB", (60, 40), (90, 80, 70)).save(work / "wall.png")
    Image.new("L", (28, 28), 0).save(work / "grey.jpg")
    Image.new("RGB", (1, 1)).save(work / "tiny.png")
    (work / "notes.jpg").write_bytes(b"no picture")
    os.symlink("gone", work / "link")
    monkeypatch.setenv("IMGEDIT_HOME", str(home.parent))
    monkeypatch.chdir(work)
    return work


def test_any_command_line_ends_with_a_documented_code_and_a_clean_line(
    fuzz_seconds: float, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runner = CliRunner()

    def check(args: list[str]) -> None:
        if LEFT_OUT & set(args):
            return
        done = runner.invoke(app, args, input=b"", catch_exceptions=False, prog_name="imgedit")
        assert done.exit_code in (0, 1, 2, 3, 4), done.exit_code
        lines = done.stderr.split("\n")
        assert printable(done.stderr, keep="\n") == done.stderr, done.stderr
        if done.exit_code in (1, 3, 4):
            errors = [line for line in lines if line.startswith("error: ")]
            assert len(errors) == 1, done.stderr
            assert lines[-2:] == [errors[0], ""], done.stderr
        elif done.exit_code == 2:
            assert done.stderr.strip(), args
        if done.exit_code:
            assert "Traceback" not in done.stderr
        assert not list(folder.glob(".imgedit-*"))

    tried = explore(fuzz_seconds, LINES, check)
    with capsys.disabled():
        print(f"\n{tried} command lines tried")  # noqa: T201
