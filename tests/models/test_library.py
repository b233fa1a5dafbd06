from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from imgedit.errors import ManifestError, ModelError
from imgedit.models import library, manifest
from tests import toy_models as models

BUNDLED = sorted(f.name for f in library.bundled_folder().iterdir() if (f / manifest.FILE).is_file())


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("IMGEDIT_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "models"


@pytest.mark.parametrize("name", BUNDLED)
def test_a_bundled_model_is_whole_and_lies_under_its_id(name):
    model = library.find(name)
    assert model.id == name
    assert manifest.verify(model.folder) == model.manifest
    assert model.manifest.licence
    assert sorted(model.manifest.graphs.values(), key=lambda g: g.file) == [
        manifest.GraphFile.of(path) for path in sorted(model.folder.glob("*.onnx"))
    ]


def test_a_model_is_found_by_id_by_repository_and_by_folder(home):
    made = models.face(home / "someone--faces")
    assert library.find("stargan_face.test") == made
    assert library.find("someone/faces") == made
    assert library.find(made.folder) == made
    assert library.find(str(made.folder)).manifest == made.manifest


def test_available_lists_bundled_then_cached_and_filters_by_kind(home):
    models.parser(home / "p")
    models.face(home / "f")
    assert [model.id for model in library.available()] == [*BUNDLED, "stargan_face.test", "face_parser.test"]
    assert "stargan_face.test" not in [model.id for model in library.available("parse")]


def test_a_pulled_model_does_not_replace_a_bundled_one(home):
    name = BUNDLED[0]
    models.classifier(home / "someone--evil", {"A": 0.5}, name=name)
    assert library.find(name).folder.parent == library.bundled_folder()
    assert library.find("someone/evil").folder.parent == home


def test_an_unknown_model_names_the_nearest_and_the_known_ones(home):
    models.face(home / "f")
    with pytest.raises(ModelError, match=r"did you mean stargan_face\.test\?.*known:.*mtcnn\.facenet"):
        library.find("stargan_fase.test")


@pytest.mark.parametrize("name", ["", ".", "..", "a/../b", "/", "nothing", "a/b/c", "x\0y"])
def test_a_strange_name_is_a_known_error(home, name):
    with pytest.raises(ModelError):
        library.find(name)


def test_a_damaged_model_is_logged_and_left_out_but_named_when_asked_for(home, caplog):
    models.face(home / "whole")
    (home / "broken").mkdir(parents=True)
    (home / "broken" / manifest.FILE).write_text("{")
    assert [m.id for m in library.available("translate")][-1] == "stargan_face.test"
    assert "damaged model" in caplog.text
    with pytest.raises(ManifestError):
        library.find("broken")


def test_a_graph_that_differs_from_its_hash_is_refused(tmp_path):
    model = models.face(tmp_path / "model")
    path = model.folder / "translate.onnx"
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    with pytest.raises(ManifestError, match="damaged"):
        model.graph("translate")


def test_a_graph_that_is_not_there_is_named(tmp_path):
    model = models.face(tmp_path / "model")
    with pytest.raises(ModelError, match="no graph 'guide', it has translate"):
        model.graph("guide")
    shutil.rmtree(model.folder)
    with pytest.raises(ManifestError, match="cannot read"):
        model.graph("translate")


def test_without_a_home_of_ones_own_the_users_cache_is_used(monkeypatch):
    monkeypatch.delenv("IMGEDIT_HOME", raising=False)
    assert (
        library.cache_folder().parts[-2:] == ("imgedit", "models") or Path("imgedit") in library.cache_folder().parents
    )
