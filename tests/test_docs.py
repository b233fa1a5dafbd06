"""The documents: their commands are commands, and their examples run."""

from __future__ import annotations

import json
import re
import shlex
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import typer.main
from PIL import Image

import imgedit
from imgedit.models.library import Model, available
from imgedit.models.manifest import Word
from tests.command_line import app

ROOT = Path(imgedit.__file__).parent.parent
PORTRAIT = ROOT / "imgedit" / "bundled" / "astronaut.jpg"
DOCUMENTS = {"README.md": 150, "imgedit/README.md": 200, "imgedit/USAGE.md": 200, "training/README.md": 150}
"""Document -> lines that it may have."""

pytestmark = pytest.mark.skipif(not (ROOT / "README.md").is_file(), reason="installed without its documents")


def blocks(document: str, language: str) -> list[str]:
    text = (ROOT / document).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


def commands() -> list[tuple[str, str]]:
    """Every line of a document that calls imgedit, in a fence, an indented block or a code span."""
    found = []
    for document in DOCUMENTS:
        text = (ROOT / document).read_text(encoding="utf-8")
        lines = [line.strip() for line in text.splitlines()]
        spans = re.findall(r"`(imgedit [^`\n]+)`", text)
        for line in [*lines, *spans]:
            command = line.partition(" #")[0].strip()
            if re.match(r"imgedit [a-z]+ ", command) and "..." not in command and command == command.rstrip(".;,"):
                found.append((document, command))
    return list(dict.fromkeys(found))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_document_stays_short(document: str) -> None:
    assert len((ROOT / document).read_text(encoding="utf-8").splitlines()) <= DOCUMENTS[document]


@pytest.mark.parametrize(("document", "command"), [c for c in commands() if c[1].split()[1].isalpha()])
def test_a_documented_command_is_accepted(document: str, command: str) -> None:
    words = shlex.split(command)[1:]
    if re.search(r"\b[A-Z]{3,}\b", words[0]):
        pytest.skip("a placeholder for a command")
    group = typer.main.get_command(app)
    context = None
    while hasattr(group, "commands"):
        assert words, f"{document}: {command!r} names no command"
        name = words.pop(0)
        assert name in group.commands, f"{document}: {command!r}: no command {name}"
        group = group.commands[name]
    context = group.make_context(group.name, words)  # raises UsageError for what the command does not know
    assert context.params is not None


def test_no_documented_command_is_missed() -> None:
    assert len(commands()) >= 15


@pytest.fixture
def photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The portrait, as the photo.jpg that examples speak of."""
    monkeypatch.chdir(tmp_path)
    with Image.open(PORTRAIT) as image:
        image.resize((256, 256)).save("photo.jpg", quality=92)
    return tmp_path / "photo.jpg"


def run(code: str, **names: object) -> dict[str, object]:
    module = types.ModuleType("example")
    module.__dict__.update(names)
    sys.modules["example"] = module  # dataclasses look their module up
    try:
        exec(compile(code, "example", "exec"), module.__dict__)
    finally:
        del sys.modules["example"]
    return module.__dict__


@pytest.mark.filterwarnings("ignore::imgedit.errors.EditWarning")
def test_the_readmes_python_runs(photo: Path) -> None:
    (code,) = blocks("README.md", "python")
    array = np.asarray(Image.open(photo))
    names = run(code, images=[array])
    assert Path("blond.jpg").is_file()
    assert [brown.shape for brown in names["browns"]] == [array.shape]  # type: ignore[attr-defined]


def test_the_python_of_the_package_runs(photo: Path) -> None:
    one, several = blocks("imgedit/README.md", "python")[:2]
    run(one + several)
    assert Path("all.jpg").is_file()
    assert np.asarray(Image.open("blond.jpg")).shape == np.asarray(Image.open(photo)).shape


def test_an_edit_is_added_as_documented(photo: Path) -> None:
    edit, use = blocks("imgedit/README.md", "python")[2:]
    names = run(edit)
    run(use, prepare=names["prepare"])
    before, after = (np.asarray(Image.open(path).convert("HSV"), np.int16)[..., 1] for path in (photo, "vivid.jpg"))
    assert after[60:140, 90:160].mean() > before[60:140, 90:160].mean() + 5  # the face
    assert abs(after[:, :20] - before[:, :20]).mean() < 4  # the ground, but for the JPEG


def test_a_method_is_added_as_documented(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    from training import train
    from training.method import METHODS

    code = next(block for block in blocks("training/README.md", "python") if "methods/lsgan" in block)
    module = types.ModuleType("lsgan_example")
    monkeypatch.setitem(sys.modules, "lsgan_example", module)
    exec(compile(code, "lsgan_example", "exec"), module.__dict__)
    monkeypatch.setitem(METHODS, "lsgan", "lsgan_example")
    folder = train.begin(
        "lsgan", data="gaussians:ring8", preset="points", settings=["steps=4"], run=tmp_path / "run", sample_every=0
    )
    assert '"loss_d"' in (folder / "log.jsonl").read_text()


def test_a_data_set_is_added_as_documented(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    from training import train
    from training.data import DATASETS

    code = next(block for block in blocks("training/README.md", "python") if "data/folder" in block)
    module = types.ModuleType("folder_example")
    monkeypatch.setitem(sys.modules, "folder_example", module)
    exec(compile(code, "folder_example", "exec"), module.__dict__)
    monkeypatch.setitem(DATASETS, "folder", "folder_example")
    rng = np.random.default_rng(0)
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for i in range(20):
        Image.fromarray(rng.integers(0, 256, (12, 12, 3), np.uint8)).save(pictures / f"{i:02d}.png")
    assert len(module.load(pictures, "train", size=8)) == 18
    assert len(module.load(pictures, "test", size=8)) == 2
    settings = ["steps=2", "size=8", "channels=3", "batch_size=4", "z_dim=5"]
    folder = train.begin("gan", data=f"folder:{pictures}", settings=settings, run=tmp_path / "run", sample_every=0)
    assert (folder / "log.jsonl").is_file()


def test_the_scores_of_the_words_are_the_measured_ones() -> None:
    pattern = r"^\| (`[a-z-]+`(?:, `[a-z-]+`)*)( \(experimental\))? \|.*\| (?:([\d.]+(?:, [\d.]+)*) %|no judge) \|$"
    rows = []
    for names, note, score in re.findall(pattern, (ROOT / "README.md").read_text(), re.M):
        named, scores = re.findall(r"`([a-z-]+)`", names), score.split(", ")
        scores = scores * len(named) if len(scores) == 1 else scores  # one for all, or one each
        rows += [(word, note, one) for word, one in zip(named, scores, strict=True)]
    bundled = [model for model in available("translate") if model.is_bundled]  # whatever else was pulled here
    words: dict[str, tuple[Model, Word]] = {}
    for model in bundled:
        for word, w in model.manifest.words.items():
            words.setdefault(word, (model, w))  # the first that knows a word carries it out
    assert {word for word, _, _ in rows} == set(words)
    for word, experimental, score in rows:
        model, known = words[word]
        kept = json.loads((ROOT / "training" / "results" / "faces" / f"{model.id}.json").read_text())
        (attribute,) = [name for name, value in known.sets.items() if value == 1.0] or known.sets
        edits = kept["metrics"]["edits"]
        assert bool(score) == (attribute in edits), word
        if score:
            assert float(score) == pytest.approx(100 * edits[attribute]["accuracy"], abs=0.051), word
        assert bool(experimental) == (known.quality == "experimental"), word
        assert (kept["n"], kept["seed"]) == (400, 0)
