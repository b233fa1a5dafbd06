from __future__ import annotations

import json

import pytest

from imgedit.errors import ManifestError
from imgedit.models import manifest
from imgedit.models.manifest import Manifest
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


@pytest.mark.parametrize("text", ["", "[]", "{", '{"schema_version": 1}', "nul", "[" * 100_000])
def test_text_that_is_no_manifest_is_one_clear_line(folder, text):
    (folder / manifest.FILE).write_text(text)
    with pytest.raises(ManifestError) as error:
        manifest.read(folder)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("version", [0, 2, "1", None, True, 1.5])
def test_an_unknown_schema_is_refused(folder, version):
    edit(folder, schema_version=version)
    with pytest.raises(ManifestError, match="schema_version"):
        manifest.read(folder)


@pytest.mark.parametrize("name", list(Manifest.__dataclass_fields__))
def test_a_missing_field_is_named(folder, name):
    edit(folder, **{name: ...})
    with pytest.raises(ManifestError, match=name):
        manifest.read(folder)


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
        ({"crop": {"kind": "face"}}, "crop must"),
        ({"crop": None}, "crop must"),
        ({"attributes": ["A", "A"]}, "attributes"),
        ({"attributes": "AB"}, "attributes"),
        ({"attributes": [["A"]]}, "attributes"),
        ({"words": {"smile": {"Nope": 1}}}, "Nope"),
        ({"words": {"smile": {"Smiling": "1"}}}, "number"),
        ({"words": {"no-smile": {"Smiling": 1}}}, "no-"),
        ({"words": {"smile": 1}}, "smile"),
        ({"words": []}, "words"),
        ({"region": {"unheard": "face"}}, "unheard"),
        ({"region": {"smiling": "moon"}}, "region"),
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
        ({"golden": 3}, "golden"),
    ],
)
def test_a_wrong_value_is_named(folder, change, says):
    edit(folder, **change)
    with pytest.raises(ManifestError, match=says):
        manifest.read(folder)


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
