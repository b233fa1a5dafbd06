from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from imgedit.errors import ConfigError, ManifestError, ModelError
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


@pytest.mark.parametrize("name", ["stargan_face.test", BUNDLED[0]])
def test_a_folder_in_the_current_directory_replaces_no_model(home, tmp_path, monkeypatch, name):
    expected = library.find(models.face(home / "f").id if name == "stargan_face.test" else name)
    monkeypatch.chdir(tmp_path)
    Path(name).mkdir()
    assert library.find(name) == expected
    Path(name).rmdir()
    models.face(tmp_path / name)
    assert library.find(name) == expected
    assert library.find(f"./{name}").folder == Path(name)
    assert library.find(f"{tmp_path}/{name}").id == "stargan_face.test"


def test_a_folder_of_a_name_that_is_no_path_is_offered_as_one(home, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    models.face(tmp_path / "mine")
    with pytest.raises(ModelError, match=r"did you mean \./mine\?"):
        library.find("mine")
    (tmp_path / "a").mkdir()
    models.face(tmp_path / "a" / "b")
    assert library.find("a/b").folder == Path("a/b")


def test_parts_of_imgedit_come_from_the_bundled_folder_alone(home, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    models.parser(home / "p", name="parser.mine")
    models.parser(tmp_path / "parser.mine", name="parser.mine")
    for name in ("parser.mine", "./parser.mine", "..", "", "../models", "x" * 5000, "a\0b"):
        with pytest.raises(ModelError, match="no bundled model"):
            library.bundled(name)
    assert library.bundled("mtcnn.facenet").folder.parent == library.bundled_folder()


def test_an_unknown_model_names_the_nearest_and_the_known_ones(home):
    models.face(home / "f")
    with pytest.raises(ModelError, match=r"did you mean stargan_face\.test\?.*known:.*mtcnn\.facenet"):
        library.find("stargan_fase.test")


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "a/../b", "/", "nothing", "a/b/c", "x\0y", "x" * 5000, "x/" * 3000, "\ud800", "./x\0y", "../.."],
)
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
        model.read("translate")


def test_a_graph_is_read_once_and_what_is_read_is_what_was_hashed(tmp_path, monkeypatch):
    model = models.face(tmp_path / "model")
    path = model.folder / "translate.onnx"
    content, opened = path.read_bytes(), []
    real = os.open

    def swap_after_opening(name, *args, **kwargs):
        opened.append(Path(name).name)
        descriptor = real(name, *args, **kwargs)
        path.unlink()  # whoever opens the name again gets another graph
        path.write_bytes(b"evil")
        return descriptor

    monkeypatch.setattr("os.open", swap_after_opening)
    assert model.read("translate") == content
    assert opened == ["translate.onnx"]


def test_a_graph_that_is_not_there_is_named(tmp_path):
    model = models.face(tmp_path / "model")
    with pytest.raises(ModelError, match="no graph 'guide', it has translate"):
        model.read("guide")
    shutil.rmtree(model.folder)
    with pytest.raises(ManifestError, match="cannot read"):
        model.read("translate")


def test_a_home_of_nobody_is_a_config_error(monkeypatch):
    monkeypatch.setenv("IMGEDIT_HOME", "~nosuchuser/x")
    with pytest.raises(ConfigError, match="~nosuchuser/x"):
        library.cache_folder()


def test_without_a_home_of_ones_own_the_users_cache_is_used(monkeypatch):
    monkeypatch.delenv("IMGEDIT_HOME", raising=False)
    assert (
        library.cache_folder().parts[-2:] == ("imgedit", "models") or Path("imgedit") in library.cache_folder().parents
    )
