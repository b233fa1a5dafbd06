from __future__ import annotations

import dataclasses
import json
import os

import pytest

from imgedit.errors import ManifestError
from imgedit.models import manifest
from imgedit.models.manifest import Export, GraphFile, Guard, Manifest, Stage, Tint, Word
from tests import toy_models as models


@pytest.fixture
def folder(tmp_path):
    return models.face(tmp_path / "model").folder


def edit(folder, **changes):
    path = folder / manifest.FILE
    data = json.loads(path.read_text())
    for name, value in changes.items():
        if value is ...:
            del data[name]
        else:
            data[name] = value
    path.write_text(json.dumps(data))


def test_what_is_written_is_read_back_equal(folder):
    read = manifest.read(folder)
    assert Manifest.from_json(read.to_json()) == read
    assert manifest.verify(folder) == read
    full = dataclasses.replace(
        read,
        parts={"mask": "face_parser.test"},
        stages=(Stage("first", "stargan", steps=3, config={"a": [1, "b"]}), Stage("second", "stargan", init="first")),
        export=Export("float16", "2.6", {"translate": 1e-6}),
        words={"smiling": Word({"Smiling": 1.0}, "face", ("smile",), Tint((1.0, 2.0), (3.0, 4.0)),
                               (Guard("Bald", 0.5, "skip", "seems to be bald"),), "good", "experimental")},
    )  # fmt: skip
    full.write(folder)
    assert manifest.read(folder) == full


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"schema_version": 1}',
        "nul",
        "[" * 100_000,
        '{"a":' * 300 + "1" + "}" * 300,
        "\ufeff{}",
        "1" * 5000,
    ],
)
def test_text_that_is_no_manifest_is_one_clear_line(folder, text):
    (folder / manifest.FILE).write_text(text)
    with pytest.raises(ManifestError) as error:
        manifest.read(folder)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("version", [0, 3, "1", "2", None, True, 1.5, 2.0, 10**400])
def test_an_unknown_schema_is_refused(folder, version):
    edit(folder, schema_version=version)
    with pytest.raises(ManifestError, match="schema_version"):
        manifest.read(folder)


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(Manifest)])
def test_a_missing_field_is_named(folder, name):
    edit(folder, **{name: ...})
    with pytest.raises(ManifestError, match=name):
        manifest.read(folder)


WORD = {"sets": {"Smiling": 1}, "region": "face", "also": [], "tint": None, "unless": [], "quality": "good"}
"""As manifests had it before words had an `opposite_quality`."""
GUARD = {"attribute": "Bald", "above": 0.5, "then": "skip", "say": "seems to be bald"}
STAGE = {**dict.fromkeys(("preset", "data", "init", "precision", "note"), ""), "name": "first", "method": "stargan"}
STAGE |= {"config": {}, "steps": 3}
GRAPH = {"file": "translate.onnx", "sha256": "0" * 64, "bytes": 1}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"extra": 1}, "extra"),
        ({"id": "no dots"}, "method.dataset"),
        ({"id": 5}, "id"),
        ({"kind": "dance"}, "kind"),
        ({"kind": ["translate"]}, "kind"),
        ({"crop": {"kind": "face", "height": 64, "width": 32}}, "square"),
        ({"crop": {"kind": "face", "height": -1, "width": -1}}, "crop sides"),
        ({"crop": {"kind": "face"}}, "crop misses height, width"),
        ({"crop": None}, "crop must"),
        ({"attributes": ["A", "A"]}, "attributes"),
        ({"attributes": "AB"}, "attributes"),
        ({"attributes": [["A"]]}, "attributes"),
        ({"words": {"smile": {**WORD, "sets": {"Nope": 1}}}}, "Nope"),
        ({"words": {"smile": {**WORD, "sets": {"Smiling": "1"}}}}, "number"),
        ({"words": {"smile": {**WORD, "sets": {"Smiling": True}}}}, "number"),
        ({"words": {"smile": {**WORD, "sets": {"Smiling": 10**400}}}}, "finite number"),
        ({"words": {"smile": {**WORD, "sets": {}}}}, "must name the attributes"),
        ({"words": {"no-smile": WORD}}, "no-"),
        ({"words": {"a b": WORD}}, "a-z"),
        ({"words": {"smile": 1}}, "smile"),
        ({"words": {"smile": {**WORD, "more": 1}}}, "more"),
        ({"words": {"smile": {k: v for k, v in WORD.items() if k != "also"}}}, "misses also"),
        ({"words": {"smile": {**WORD, "also": "grin"}}}, "also"),
        ({"words": {"smile": {**WORD, "also": ["smile"]}}}, "twice"),
        ({"words": {"smile": WORD, "grin": {**WORD, "also": ["smile"]}}}, "twice"),
        ({"words": {"smile": {**WORD, "also": [5]}}}, "a-z"),
        ({"words": {"smile": {**WORD, "region": "moon"}}}, "region"),
        ({"words": {"smile": {**WORD, "quality": "great"}}}, "quality"),
        ({"words": {"smile": {**WORD, "opposite_quality": "great"}}}, "opposite_quality"),
        ({"words": {"smile": {**WORD, "tint": {"low": [0, 0]}}}}, "misses high"),
        ({"words": {"smile": {**WORD, "tint": {"low": [0, 0], "high": [1]}}}}, "two pairs"),
        ({"words": {"smile": {**WORD, "tint": {"low": [0, 0], "high": [1, 300]}}}}, "two pairs"),
        ({"words": {"smile": {**WORD, "tint": {"low": [0, 2], "high": [1, 1]}}}}, "above high"),
        ({"words": {"smile": {**WORD, "unless": [{**GUARD, "above": 2}]}}}, "from 0 to 1"),
        ({"words": {"smile": {**WORD, "unless": [{**GUARD, "then": "explode"}]}}}, "then"),
        ({"words": {"smile": {**WORD, "unless": [{**GUARD, "say": ""}]}}}, "say"),
        ({"words": {"smile": {**WORD, "unless": [3]}}}, "guard"),
        ({"words": {"smile": {**WORD, "unless": {}}}}, "guards"),
        ({"words": []}, "words"),
        ({"output": "poem"}, "output"),
        ({"output": "none"}, "must say what its graph returns"),
        ({"commercial_use": "yes"}, "commercial_use"),
        ({"commercial_use": 1}, "commercial_use"),
        ({"parts": {"mask": "../parser"}}, "parts"),
        ({"parts": {"Mask!": "a.b"}}, "parts"),
        ({"stages": {}}, "stages"),
        ({"stages": [{"name": "first"}]}, "stage 0 misses"),
        ({"stages": [{**STAGE, "steps": -1}]}, "steps"),
        ({"stages": [{**STAGE, "config": []}]}, "config"),
        ({"stages": [{**STAGE, "name": ""}]}, "name"),
        ({"stages": [{**STAGE, "config": {"lr": float("nan")}}]}, "finite"),
        ({"metrics": {"fid": float("inf")}}, "fid must be a finite number"),
        ({"metrics": {"n": 10**400}}, "finite number"),
        ({"metrics": {"a": [[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]}}, "nested"),
        ({"export": {"weights": "int8", "torch": "", "onnx_max_difference": {}}}, "weights"),
        ({"export": {"weights": "float32", "torch": "", "onnx_max_difference": {"translate": -1}}}, "onnx_max"),
        ({"title": "a\x1b[2Jb"}, "control characters"),
        ({"title": "a\nsecond line"}, "control characters"),
        ({"title": "a\u202eb"}, "control characters"),
        ({"licence": "\ud800"}, "broken text"),
        ({"metrics": {"a\x07": 1}}, "control characters"),
        ({"id": "a." + "b" * 5000}, "method.dataset"),
        ({"conditioning": "magic"}, "conditioning"),
        ({"graphs": {}}, "graphs"),
        ({"graphs": []}, "graphs"),
        ({"graphs": {"translate": {**GRAPH, "file": "../x.onnx"}}}, "leads out"),
        ({"graphs": {"translate": {**GRAPH, "file": "/etc/x.onnx"}}}, "leads out"),
        ({"graphs": {"translate": {**GRAPH, "file": "..\\x.onnx"}}}, "leads out"),
        ({"graphs": {"translate": {**GRAPH, "file": "translate.pt"}}}, "onnx"),
        ({"graphs": {"translate": {**GRAPH, "file": "gone.onnx"}}}, "missing"),
        ({"graphs": {"translate": GRAPH}}, "bytes"),
        ({"graphs": {"translate": {**GRAPH, "sha256": "zz"}}}, "sha256"),
        ({"graphs": {"translate": {**GRAPH, "bytes": True}}}, "bytes"),
        ({"graphs": {"translate": "translate.onnx"}}, "graph"),
        ({"graphs": {"translate": {**GRAPH, "file": "a\0b.onnx"}}}, "control"),
        ({"graphs": {"translate": {**GRAPH, "file": "a" * 300 + ".onnx"}}}, "translate"),
        ({"graphs": {"translate": {**GRAPH, "file": "\ud800.onnx"}}}, "broken text"),
        ({"graphs": {"translate": {**GRAPH, "bytes": 10**400}}}, "finite"),
        ({"graphs": {"../x": GRAPH}}, "role"),
        ({"golden": 3}, "golden"),
        ({"golden": {"role": "gone"}}, "golden"),
        ({"golden": {"role": ["translate"]}}, "golden"),
    ],
)
def test_a_wrong_value_is_named(folder, change, says):
    edit(folder, **change)
    with pytest.raises(ManifestError, match=says) as error:
        manifest.read(folder)
    assert str(error.value).isprintable()
    assert len(str(error.value)) < len(str(folder)) + 300


def test_a_word_is_found_by_any_of_its_spellings(folder):
    read = manifest.read(folder)
    assert read.word("glasses") == read.word("eyeglasses") == ("eyeglasses", read.words["eyeglasses"])
    assert read.word("no-glasses") is None


def schema_1(**changes):
    """A manifest of schema 1, as imgedit wrote them."""
    data = {
        **{"id": "stargan_face.test", "version": "1.0.0", "title": "A test", "method": "stargan", "kind": "translate"},
        "graphs": {"translate": {"file": "translate.onnx", "sha256": "0" * 64, "bytes": 1}},
        "crop": {"kind": "face", "height": 64, "width": 64},
        "attributes": ["Eyeglasses", "Smiling"],
        "words": {"smiling": {"Smiling": 1.0}, "eyeglasses": {"Eyeglasses": 1.0}, "smile": {"Smiling": 1.0}},
        "region": {"smiling": "face", "eyeglasses": "face", "smile": "face"},
        **{"conditioning": "difference", "licence": "none", "data_source": "x", "paper": "y"},
        "training": {"config": {"lr": 0.1, "generator": "compact"}, "steps": 7, "weights": "float16", "torch": "2.6",
                     "onnx_max_difference": {"translate": 0.5}},
        **{"metrics": {"n": 1}, "golden": None, "classes": [], "schema_version": 1},
    }  # fmt: skip
    return json.dumps({**data, **changes})


def test_an_opposite_is_as_good_as_its_word_where_the_manifest_does_not_say(folder):
    edit(folder, attributes=["Smiling"], words={"smiling": WORD})
    read = manifest.read(folder)
    assert read.qualities == {"smiling": "good", "no-smiling": "good"}
    assert "opposite_quality" not in read.to_json()  # a reader from before the field came takes it
    edit(folder, words={"smiling": {**WORD, "opposite_quality": "experimental"}})
    assert manifest.read(folder).qualities == {"smiling": "good", "no-smiling": "experimental"}


def test_what_cannot_be_asked_has_no_quality(folder):
    both = {"Smiling": 1, "Eyeglasses": 0}
    edit(folder, attributes=list(both), words={"smiling": {**WORD, "sets": both}})
    assert manifest.read(folder).qualities == {"smiling": "good"}  # `no-` would leave open what to be instead
    edit(folder, words={"smiling": WORD}, output="glasses")
    assert manifest.read(folder).qualities == {"smiling": "good"}
    edit(folder, output="removal")
    assert manifest.read(folder).qualities == {"no-smiling": "good"}


def test_schema_1_is_read_and_says_the_same():
    read = Manifest.from_json(schema_1())
    assert read.words == {
        "smiling": Word({"Smiling": 1.0}, "face", also=("smile",)),
        "eyeglasses": Word({"Eyeglasses": 1.0}, "face"),
    }
    assert read.stages == (Stage("training", "stargan", steps=7, config={"lr": 0.1, "generator": "compact"}),)
    assert read.export == Export("float16", "2.6", {"translate": 0.5})
    assert (read.schema_version, read.output, read.commercial_use) == (2, "image", False)
    assert Manifest.from_json(read.to_json()) == read
    apart = Manifest.from_json(schema_1(region={"smiling": "face", "smile": "all"}))
    assert {word: entry.region for word, entry in apart.words.items()} == {
        "smiling": "face",
        "smile": "all",
        "eyeglasses": "all",
    }


@pytest.mark.parametrize(
    ("changes", "output"),
    [
        ({"training": {"config": {"generator": "flow"}}}, "flow"),
        (
            {"graphs": {r: {"file": f"{r}.onnx", "sha256": "0" * 64, "bytes": 1} for r in ("translate", "guide")}},
            "grid",
        ),
        ({"kind": "swap"}, "image"),
        ({"kind": "classify"}, "none"),
        ({"training": {}}, "image"),
    ],
)
def test_what_a_schema_1_model_returns_is_told_from_what_it_has(changes, output):
    assert Manifest.from_json(schema_1(**changes)).output == output


@pytest.mark.parametrize(
    "changes",
    [
        *({name: value} for name in json.loads(schema_1()) for value in (None, 5, [], "x", {"a": 1}, [[1]], {"a": []})),
        {"extra": 1},
        {"region": {"unheard": "face"}},
        {"training": {"config": [1]}},
        {"training": {"steps": "abc"}},
        {"training": {"onnx_max_difference": 3}},
        {"training": {"note": float("nan")}},
        {"words": {"smiling": {"Smiling": 10**400}}},
        {"words": {"smiling": [[[[]]]]}},
    ],
)
def test_a_damaged_schema_1_manifest_is_a_manifest_error_or_still_makes_sense(changes):
    try:
        read = Manifest.from_json(schema_1(**changes))
    except ManifestError:
        return
    assert Manifest.from_json(read.to_json()) == read


def test_a_schema_1_manifest_without_a_field_names_it():
    for name in json.loads(schema_1()):
        data = json.loads(schema_1())
        del data[name]
        with pytest.raises(ManifestError, match=name):
            Manifest.from_json(json.dumps(data))


@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "loop", "huge", "latin-1"])
@pytest.mark.parametrize("name", [manifest.FILE, "translate.onnx"])
def test_what_is_no_regular_file_is_refused_at_once(folder, name, kind):
    path = folder / name
    path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "folder":
        path.mkdir()
    elif kind == "loop":
        path.symlink_to(path)
    elif kind == "huge":
        with open(path, "wb") as file:
            file.truncate(10**10)
    else:
        path.write_bytes(b'{"title": "\xe9"}')
    with pytest.raises(ManifestError) as error:
        manifest.read(folder)
    assert str(error.value).isprintable()
    says = {"pipe": "no regular file", "device": "no regular file", "huge": "more than 100 bytes"}.get(kind)
    with pytest.raises(ManifestError, match=says):
        manifest.read_graph(folder, GraphFile(name, "0" * 64, 100))


def test_a_link_out_of_the_folder_is_refused(folder, tmp_path):
    outside = tmp_path / "outside.onnx"
    (folder / "translate.onnx").rename(outside)
    (folder / "translate.onnx").symlink_to(outside)
    with pytest.raises(ManifestError, match="leads out"):
        manifest.read(folder)


def test_a_flipped_bit_is_found_by_verify(folder):
    path = folder / "translate.onnx"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    manifest.read(folder)
    with pytest.raises(ManifestError, match="damaged"):
        manifest.verify(folder)


def test_a_failed_write_leaves_the_old_manifest_and_no_rubbish(folder, monkeypatch):
    before = (folder / manifest.FILE).read_text()
    read = manifest.read(folder)

    def fail(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(KeyboardInterrupt):
        read.write(folder)
    assert (folder / manifest.FILE).read_text() == before
    assert sorted(p.name for p in folder.iterdir()) == ["manifest.json", "translate.onnx"]


def test_a_run_is_told_from_a_model(tmp_path):
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    with pytest.raises(ManifestError, match="is no model") as error:
        manifest.read(tmp_path / "run")
    assert error.value.hint == f"it is a training run; export it first: imgedit export {tmp_path / 'run'} -o DIR"
