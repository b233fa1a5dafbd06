"""Model folders that somebody made to do harm, and manifests that are damaged anywhere: one line each, at once."""

from __future__ import annotations

import copy
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from typer.testing import CliRunner

from imgedit.errors import ManifestError, ModelError
from imgedit.models import graphs, library, manifest, schema
from imgedit.models.manifest import Manifest
from imgedit.text import printable
from tests import toy_models as models
from tests.command_line import app

BUNDLED = [library.bundled(folder.name) for folder in sorted(library.bundled_folder().iterdir()) if folder.is_dir()]
TEXTS = {model.id: json.loads(model.manifest.to_json()) for model in BUNDLED}
GRAPH_BYTES = library.bundled("stargan_hair.celeba").read("guide")
NASTY = [
    *(None, True, False, 0, -1, 2**53 + 1, 10**400, -(10**400), 1e308, float("nan"), float("inf"), -0.0, 0.5),
    *("", "a", "none", "../x", "/etc/passwd", "a\0b", "\x1b[2J", "\ud800", "\u202e", "x" * 5000, "no-x", "\n"),
    *([], {}, [[]], [None], {"": None}, {"a": {}}, [1, "a"], {"a\0": 1}),
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(NASTY),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def places(value: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in nested JSON, from the outside in."""
    yield path
    for key, item in value.items() if isinstance(value, dict) else enumerate(value if isinstance(value, list) else ()):
        yield from places(item, (*path, key))


PLACES = {name: list(places(text))[1:] for name, text in TEXTS.items()}


def changed(text: object, path: tuple[Any, ...], change: Callable[[Any, Any], None]) -> Any:
    """A copy in which `change(parent, key)` was done at one place."""
    result = copy.deepcopy(text)
    parent: Any = result
    for key in path[:-1]:
        parent = parent[key]
    change(parent, path[-1])
    return result


def read_or_refused(text: str) -> None:
    """A manifest is refused in one printable line, or it is one that says the same when it is written and read."""
    try:
        found = Manifest.from_json(text)
    except ManifestError as error:
        line = str(error)
    else:
        assert Manifest.from_json(found.to_json()) == found
        line = ""
    assert printable(line) == line
    assert len(line) < 600


@given(st.data(), st.sampled_from(sorted(TEXTS)), JSON)
def test_any_value_at_any_place_of_a_manifest_is_refused_or_makes_sense(
    data: st.DataObject, name: str, value: object
) -> None:
    path = data.draw(st.sampled_from(PLACES[name]))

    def put(parent: Any, key: Any) -> None:
        parent[key] = value

    read_or_refused(json.dumps(changed(TEXTS[name], path, put)))


@given(st.data(), st.sampled_from(sorted(TEXTS)), st.text() | st.sampled_from([t for t in NASTY if type(t) is str]))
def test_a_field_that_is_taken_out_or_renamed_is_refused_or_may_be_absent(
    data: st.DataObject, name: str, other: str
) -> None:
    path = data.draw(st.sampled_from(PLACES[name]))

    def rename(parent: Any, key: Any) -> None:
        value = parent.pop(key)
        if isinstance(parent, dict):
            parent[other] = value

    read_or_refused(json.dumps(changed(TEXTS[name], path, rename)))


@given(st.sampled_from(sorted(manifest.schema1.FIELDS)), JSON)
def test_any_json_in_schema_1_is_refused_or_makes_sense(name: str, value: object) -> None:
    data = {
        **dict.fromkeys(manifest.schema1.FIELDS, ""),
        **TEXTS["stargan_hair.celeba"],
        "region": {},
        "training": {},
    }
    kept = {key: data[key] for key in manifest.schema1.FIELDS}
    words = {word: entry["sets"] for word, entry in data["words"].items()}
    read_or_refused(json.dumps({**kept, "words": words, "schema_version": 1, name: value}))


@given(st.text() | st.binary().map(lambda raw: raw.decode("latin-1")))
@example("[" * 200_000)
@example('{"schema_version":' * 500 + "1" + "}" * 500)
@example('{"schema_version": ' + "9" * 6000 + "}")
@example('{"schema_version": 2, "schema_version": 1}')
def test_any_text_is_refused(text: str) -> None:
    with pytest.raises(ManifestError):
        Manifest.from_json(text)
    read_or_refused(text)


@given(st.data())
def test_a_graph_with_changed_bytes_passes_the_check_or_is_refused(data: st.DataObject) -> None:
    content = bytearray(GRAPH_BYTES)
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        graphs.check(bytes(content), "a model")
    except ModelError as error:
        line = str(error)
    else:
        line = ""
    assert printable(line) == line
    assert len(line) < 300


def text_of(folder: Path, **changes: object) -> None:
    """Change fields of a folder's manifest."""
    path = folder / manifest.FILE
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def replaced(name: str, make: Callable[[Path], object]) -> Callable[[Path], None]:
    """An attack that puts something else in a file's place."""

    def attack(folder: Path) -> None:
        (folder / name).unlink()
        make(folder / name)

    return attack


def graph_named(file: str) -> Callable[[Path], None]:
    return lambda folder: text_of(folder, graphs={"translate": {"file": file, "sha256": "0" * 64, "bytes": 5}})


def endless(path: Path) -> None:
    with open(path, "wb") as file:
        file.truncate(10**12)


ATTACKS: dict[str, Callable[[Path], None]] = {
    **{f"graph named {schema.shown(n, 20)}": graph_named(n) for n in (
        "a\0b.onnx", "a" * 300 + ".onnx", "\ud800.onnx", "\udcff.onnx", "../../../etc/passwd", "/dev/zero",
        "C:\\x.onnx",
        "..", ".onnx", "sub/x.onnx", "x.onnx\n", "\x1b]0;title\x07.onnx", "manifest.json", "-rf.onnx", "a b.onnx")},
    **{f"{name} is {kind}": replaced(name, make) for name in (manifest.FILE, "translate.onnx") for kind, make in {
        "a pipe": os.mkfifo,
        "/dev/zero": lambda path: path.symlink_to("/dev/zero"),
        "/dev/stdin": lambda path: path.symlink_to("/dev/stdin"),
        "a loop of links": lambda path: path.symlink_to(path),
        "a link to nothing": lambda path: path.symlink_to("gone"),
        "a link outside": lambda path: path.symlink_to("/etc/passwd"),
        "a folder": Path.mkdir,
        "endless": endless,
        "empty": Path.touch,
    }.items()},
    "manifest in another encoding": lambda folder: (folder / manifest.FILE).write_text("{}", encoding="utf-16"),
    "manifest with a mark": lambda folder: (folder / manifest.FILE).write_text("{}", encoding="utf-8-sig"),
    "deep manifest": lambda folder: (folder / manifest.FILE).write_text("[" * 300_000),
    "large manifest": lambda folder: text_of(folder, title="x" * 2_000_000),
    "huge number": lambda folder: text_of(folder, words={"smiling": {
        "sets": {"Smiling": 10**400}, "region": "face", "also": [], "tint": None, "unless": [], "quality": "good"}}),
    "title with an escape": lambda folder: text_of(folder, title="\x1b[2J\x1b]0;owned\x07"),
    "title of two lines": lambda folder: text_of(folder, title="one\nface_parser.celebamask_hq 9 parse"),
    "damaged schema 1": lambda folder: text_of(folder, schema_version=1),
    "schema 10**400": lambda folder: text_of(folder, schema_version=10**400),
}  # fmt: skip
"""Name -> what is done to a folder of a whole model."""


@pytest.mark.parametrize("name", ATTACKS)
def test_a_folder_made_to_do_harm_is_one_line_and_does_not_hide_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("IMGEDIT_HOME", str(tmp_path / "home"))
    home = tmp_path / "home" / "models"
    whole = models.hair(home / "whole")
    folder = models.face(home / "harm").folder
    ATTACKS[name](folder)
    start = time.monotonic()
    with pytest.raises(ManifestError) as caught:
        library.find(folder)
    assert str(caught.value).isprintable()
    assert [model.id for model in library.available()] == [*(model.id for model in BUNDLED), whole.id]
    done = CliRunner().invoke(app, ["models"], catch_exceptions=False)
    assert done.exit_code == 0
    assert whole.id in done.stdout
    assert all(line.isprintable() for line in (done.stdout + done.stderr).splitlines())
    assert time.monotonic() - start < 10.0


@pytest.mark.parametrize("where", ["home is a file", "models is a file", "models is a loop", "no right to list"])
def test_a_cache_that_cannot_be_listed_does_not_hide_the_bundled_models(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    home = tmp_path / "home"
    monkeypatch.setenv("IMGEDIT_HOME", str(home))
    if where == "home is a file":
        home.touch()
    else:
        home.mkdir()
    if where == "models is a file":
        (home / "models").touch()
    elif where == "models is a loop":
        (home / "models").symlink_to("models")
    elif where == "no right to list":
        models.face(home / "models" / "m")
        (home / "models").chmod(0)
        if os.access(home / "models", os.R_OK):
            (home / "models").chmod(0o700)
            pytest.skip("root may read anything")
    assert [model.id for model in library.available()][: len(BUNDLED)] == [model.id for model in BUNDLED]
    with pytest.raises(ModelError):
        library.find("no_such.model")
    if where == "no right to list":
        (home / "models").chmod(0o700)
