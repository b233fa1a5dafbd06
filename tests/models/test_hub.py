"""The real huggingface_hub client against a small server on this machine that speaks the hub's protocol."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import numpy as np
import pytest

from imgedit.errors import HubError, ManifestError, ModelError, OutputError, UnknownModelError
from imgedit.models import hub, library, manifest
from imgedit.models.sessions import Sessions
from tests import toy_models as models
from tests.fake_hub import SHA, fake_home, fake_model, fake_server  # noqa: F401

pytestmark = pytest.mark.usefixtures("home")


def test_a_pulled_model_can_be_found_and_holds_only_model_files(server, model, home):
    (model.folder / "evil.py").write_text("raise SystemExit")
    (model.folder / "weights.pkl").write_bytes(b"pickle")
    server.publish("someone/faces", model.folder)
    pulled = hub.pull("someone/faces", endpoint=server.url)
    assert pulled.manifest == model.manifest
    assert library.find("someone/faces") == pulled
    assert sorted(p.name for p in pulled.folder.iterdir()) == [
        "README.md",
        "manifest.json",
        "pulled.json",
        "translate.onnx",
    ]
    assert [p.name for p in home.iterdir()] == ["someone--faces"]
    assert not any("evil" in line or "pkl" in line for line in server.asked if "/resolve/" in line)


def test_pulling_again_takes_the_new_version(server, model, home):
    server.publish("someone/faces", model.folder)
    hub.pull("someone/faces", endpoint=server.url)
    newer = models.face(home.parent.parent / "newer", change={"Eyeglasses": (1, 1, 1), "Smiling": (0, 0, 0)})
    server.publish("someone/faces", newer.folder)
    assert hub.pull("someone/faces", "main", endpoint=server.url).manifest == newer.manifest
    assert [p.name for p in home.iterdir()] == ["someone--faces"]


@pytest.mark.parametrize("damage", ["hash", "missing", "manifest"])
def test_a_damaged_repository_never_becomes_visible_and_the_old_model_stays(server, model, home, damage):
    server.publish("someone/faces", model.folder)
    hub.pull("someone/faces", endpoint=server.url)
    files = server.files["someone/faces"]
    if damage == "hash":
        files["translate.onnx"] = bytes([files["translate.onnx"][0] ^ 1]) + files["translate.onnx"][1:]
    elif damage == "missing":
        del files["translate.onnx"]
    else:
        files["manifest.json"] = b"{}"
    with pytest.raises(ManifestError):
        hub.pull("someone/faces", endpoint=server.url)
    assert manifest.verify(home / "someone--faces") == model.manifest
    assert [p.name for p in home.iterdir()] == ["someone--faces"]


def test_a_path_that_leaves_the_folder_is_refused(server, model, home):
    server.publish("someone/faces", model.folder)
    text = server.files["someone/faces"]["manifest.json"].decode()
    server.files["someone/faces"]["manifest.json"] = text.replace("translate.onnx", "../translate.onnx").encode()
    with pytest.raises(ManifestError, match="leads out"):
        hub.pull("someone/faces", endpoint=server.url)
    assert list(home.iterdir()) == []


@pytest.mark.parametrize(
    ("refusal", "says"),
    [
        ((401, "RepoNotFound"), "hub has no"),
        ((404, "RepoNotFound"), "hub has no"),
        ((403, "GatedRepo"), "gated"),
        ((400, "Whatever"), "answered 400"),
    ],
)
def test_a_refusal_is_one_clear_line(server, home, refusal, says):
    server.refuse["someone/faces"] = refusal
    with pytest.raises(HubError, match=says) as error:
        hub.pull("someone/faces", endpoint=server.url)
    assert "\n" not in str(error.value)
    assert list(home.iterdir()) == []


def test_a_missing_revision_is_named(server, model):
    server.publish("someone/faces", model.folder)
    with pytest.raises(HubError, match="no revision 'v9'"):
        hub.pull("someone/faces", "v9", endpoint=server.url)


def test_a_hub_out_of_reach_is_one_clear_line(home):
    with pytest.raises(HubError, match="reach") as error:
        hub.pull("someone/faces", endpoint="http://127.0.0.1:9")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["faces", "a/b/c", "../x", "some one/x", "/x", ""])
def test_what_is_no_repository_name_is_refused_before_anything_is_asked(server, name):
    with pytest.raises(HubError, match="owner/name"):
        hub.pull(name, endpoint=server.url)
    assert server.asked == []


def test_a_cache_that_cannot_be_made_says_so(server, model, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("IMGEDIT_HOME", str(tmp_path / "file"))
    with pytest.raises(OutputError, match="IMGEDIT_HOME"):
        hub.pull("someone/faces", endpoint=server.url)


def test_what_is_pushed_can_be_pulled(server, model):
    (model.folder / "notes.txt").write_text("mine")
    url = hub.push(model.folder, "someone/faces", endpoint=server.url)
    assert url.endswith(f"/someone/faces/commit/{SHA}")
    assert sorted(server.files["someone/faces"]) == ["README.md", "config.json", "manifest.json", "onnx/translate.onnx"]
    assert hub.pull("someone/faces", endpoint=server.url).manifest == model.manifest


def test_a_damaged_model_is_not_pushed(server, model):
    (model.folder / "translate.onnx").write_bytes(b"x")
    with pytest.raises(ManifestError):
        hub.push(model.folder, "someone/faces", endpoint=server.url)
    assert server.asked == []


def test_pushing_without_the_right_to_says_how_to_log_in(server, model):
    server.refuse["someone/faces"] = (403, "Forbidden")
    with pytest.raises(HubError, match="hf auth login"):
        hub.push(model.folder, "someone/faces", endpoint=server.url)


def test_a_graph_that_is_a_link_is_not_pushed(server, model, tmp_path):
    (model.folder / "translate.onnx").rename(model.folder / "hidden.onnx")
    (model.folder / "translate.onnx").symlink_to("hidden.onnx")
    with pytest.raises(ManifestError, match="is a link"):
        hub.push(model.folder, "someone/faces", endpoint=server.url)
    assert server.asked == []


def test_a_card_that_is_a_link_is_not_pushed(server, model, tmp_path):
    (tmp_path / "secret").write_text("mine")
    (model.folder / "README.md").unlink()
    (model.folder / "README.md").symlink_to(tmp_path / "secret")
    with pytest.raises(ManifestError, match="is a link"):
        hub.push(model.folder, "someone/faces", endpoint=server.url)
    assert server.asked == []


def test_graphs_that_the_manifest_does_not_name_are_not_pushed(server, model):
    (model.folder / "other.onnx").write_bytes(b"private")
    hub.push(model.folder, "someone/faces", endpoint=server.url)
    assert sorted(server.files["someone/faces"]) == ["README.md", "config.json", "manifest.json", "onnx/translate.onnx"]


def test_a_model_without_a_card_travels_both_ways(server, model):
    (model.folder / "README.md").unlink()
    hub.push(model.folder, "someone/faces", endpoint=server.url)
    pulled = hub.pull("someone/faces", endpoint=server.url)
    assert sorted(p.name for p in pulled.folder.iterdir()) == ["manifest.json", "pulled.json", "translate.onnx"]


def test_the_manifest_comes_first_and_every_later_file_of_its_commit(server, model):
    (model.folder / "other.onnx").write_bytes(b"not named")
    server.publish("someone/faces", model.folder)
    seen = []
    hub.pull("someone/faces", endpoint=server.url, report=lambda done, total: seen.append((done, total)))
    assert server.asked == [
        "GET /someone/faces/resolve/main/manifest.json",
        f"GET /someone/faces/resolve/{SHA}/onnx/translate.onnx",
        f"GET /someone/faces/resolve/{SHA}/translate.onnx",
        f"GET /someone/faces/resolve/{SHA}/README.md",
    ]
    size = (model.folder / "translate.onnx").stat().st_size
    assert seen[-1] == (size, size)
    assert seen == sorted(seen)


def test_what_killed_pulls_left_is_swept(server, model, home):
    server.publish("someone/faces", model.folder)
    old, new = home / ".pull-old", home / ".pull-new"
    for folder in (old, new):
        (folder / "whole").mkdir(parents=True)
        (folder / "whole" / "translate.onnx").write_bytes(b"x")
    for path in (old, *old.rglob("*")):
        os.utime(path, (1, 1))
    hub.pull("someone/faces", endpoint=server.url)
    assert sorted(p.name for p in home.iterdir()) == [".pull-new", "someone--faces"]


def test_the_old_model_is_back_when_the_new_one_cannot_be_moved(server, model, home, monkeypatch):
    server.publish("someone/faces", model.folder)
    hub.pull("someone/faces", endpoint=server.url)
    real = Path.rename

    def rename(self, target):
        if self.name == "whole":
            raise OSError(5, "Input/output error")
        return real(self, target)

    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(OutputError, match="Input/output"):
        hub.pull("someone/faces", endpoint=server.url)
    assert manifest.verify(home / "someone--faces") == model.manifest
    assert [p.name for p in home.iterdir()] == ["someone--faces"]


# What is in the cache, and what may be asked.


@pytest.fixture
def no_sockets(monkeypatch):
    """Whatever connects fails the test."""

    def refuse(*args, **options):
        raise AssertionError("a connection was opened")

    def block():
        for name in ("connect", "connect_ex", "sendto", "bind"):
            monkeypatch.setattr(socket.socket, name, refuse)
        monkeypatch.setattr(socket, "getaddrinfo", refuse)
        monkeypatch.setattr(socket, "create_connection", refuse)

    return block


def test_a_cached_model_is_found_and_used_without_the_network(server, model, no_sockets):
    server.publish("someone/faces", model.folder)
    pulled = hub.pull(f"someone/faces@{SHA}", endpoint=server.url)
    server.shutdown()
    no_sockets()
    assert library.find("someone/faces") == pulled
    assert pulled.id in [one.id for one in library.available("translate")]
    image = np.zeros((1, 3, 64, 64), np.float32)
    session = Sessions("cpu").open(pulled, "translate")
    edit = np.zeros((1, session.inputs["edit"][1] or 1), np.float32)
    assert session.run({"image": image, "edit": edit})
    assert hub.pull("someone/faces", SHA) == pulled  # this very commit need not be asked for
    assert hub.pull("someone/faces", offline=True) == pulled


def test_a_pinned_revision_is_stored(server, model):
    server.publish("someone/faces", model.folder)
    assert hub.source_of(hub.pull("someone/faces", endpoint=server.url).folder) == hub.Source(
        "someone/faces", None, SHA, model.manifest.licence
    )
    hub.remove("someone/faces")
    pinned = hub.pull(f"someone/faces@{SHA}", endpoint=server.url)
    assert hub.source_of(pinned.folder).revision == SHA
    (pinned.folder / hub.SOURCE).write_text("{}")
    assert hub.source_of(pinned.folder) is None
    hub.push(pinned.folder, "someone/again", endpoint=server.url)
    assert hub.SOURCE not in server.files["someone/again"]


@pytest.mark.parametrize(
    ("text", "revision", "found"),
    [
        ("a/b", None, ("a/b", None)),
        ("a/b", "v1", ("a/b", "v1")),
        ("a/b@v1", None, ("a/b", "v1")),
        ("a/b@v1", "v1", ("a/b", "v1")),
        ("a/b@refs/pr/1", None, ("a/b", "refs/pr/1")),
    ],
)
def test_a_revision_stands_after_the_name(text, revision, found):
    assert hub.named(text, revision) == found


@pytest.mark.parametrize(("text", "revision", "says"), [("a/b@", None, "no revision"), ("a/b@v1", "v2", "contradict")])
def test_a_revision_that_is_none_or_two_is_refused(text, revision, says):
    with pytest.raises(HubError, match=says):
        hub.named(text, revision)


def test_offline_nothing_is_asked(server, model, monkeypatch):
    server.publish("someone/faces", model.folder)
    with pytest.raises(HubError, match="is not in the cache, and the network is not asked") as caught:
        hub.pull("someone/faces", endpoint=server.url, offline=True)
    assert caught.value.hint == "leave --offline out"
    hub.pull("someone/faces@main", endpoint=server.url)
    server.asked.clear()
    for name, value, why in (("HF_HUB_OFFLINE", "1", "HF_HUB_OFFLINE is set"), ("IMGEDIT_OFFLINE", "true", "offline`")):
        with monkeypatch.context() as patch:
            patch.setenv(name, value)
            assert hub.is_offline()
            with pytest.raises(HubError, match="the network is not asked") as caught:
                hub.pull("someone/others", endpoint=server.url)
            assert why in (caught.value.hint or "")
            assert hub.pull("someone/faces", endpoint=server.url).id == model.id
            assert hub.pull("someone/faces@main", endpoint=server.url).id == model.id
            with pytest.raises(HubError, match=f"as main .{SHA}., not v2"):
                hub.pull("someone/faces@v2", endpoint=server.url)
    assert server.asked == []
    assert not hub.is_offline()


def test_what_is_larger_than_wanted_is_not_fetched(server, model):
    server.publish("someone/faces", model.folder)
    size = sum(graph.bytes for graph in model.manifest.graphs.values())
    with pytest.raises(HubError, match=r"more than 0\.0 MB") as error:
        hub.pull("someone/faces", endpoint=server.url, max_bytes=size - 1)
    assert error.value.hint == "allow more with --max-size"
    assert server.asked == ["GET /someone/faces/resolve/main/manifest.json"]
    assert hub.pull("someone/faces", endpoint=server.url, max_bytes=size).id == model.id


def test_the_manifest_is_agreed_to_before_a_graph_is_fetched(server, model, home):
    server.publish("someone/faces", model.folder)

    def refuse(manifest, size):
        assert (manifest, size) == (model.manifest, sum(graph.bytes for graph in model.manifest.graphs.values()))
        raise HubError("no")

    with pytest.raises(HubError, match="no"):
        hub.pull("someone/faces", endpoint=server.url, agree=refuse)
    assert server.asked == ["GET /someone/faces/resolve/main/manifest.json"]
    assert list(home.iterdir()) == []


def test_a_pulled_model_is_removed_and_no_other(server, model, tmp_path):
    server.publish("someone/faces", model.folder)
    for name in ("someone/faces", model.id):
        folder = hub.pull("someone/faces", endpoint=server.url).folder
        assert hub.remove(name) == folder
        assert not folder.exists()
    with pytest.raises(ModelError, match="was not pulled"):
        hub.remove("mtcnn.facenet")
    with pytest.raises(ModelError, match="was not pulled"):
        hub.remove(str(model.folder))
    assert model.folder.is_dir()
    with pytest.raises(UnknownModelError):
        hub.remove("someone/faces")


# How a model lies in its repository.


def test_a_pushed_model_lies_where_other_libraries_look(server, model):
    hub.push(model.folder, "someone/faces", endpoint=server.url)
    files = server.files["someone/faces"]
    assert files["onnx/translate.onnx"] == (model.folder / "translate.onnx").read_bytes()
    assert json.loads(files["config.json"]) == {
        "model_type": "custom",
        "transformers.js_config": {"dtype": "fp32"},
        "library_name": "imgedit",
        "model_id": model.id,
        "version": model.manifest.version,
        "method": model.manifest.method,
        "kind": "translate",
        "image_size": [model.manifest.crop.height, model.manifest.crop.width],
    }
    assert files["manifest.json"] == (model.folder / "manifest.json").read_bytes()


def test_graphs_in_their_folder_are_found_at_once_and_come_beside_the_manifest(server, model):
    hub.push(model.folder, "someone/faces", endpoint=server.url)
    server.asked.clear()
    pulled = hub.pull("someone/faces", endpoint=server.url)
    assert server.asked == [
        "GET /someone/faces/resolve/main/manifest.json",
        f"GET /someone/faces/resolve/{SHA}/onnx/translate.onnx",
        f"GET /someone/faces/resolve/{SHA}/README.md",
    ]
    assert sorted(p.name for p in pulled.folder.iterdir()) == [
        "README.md",
        "manifest.json",
        "pulled.json",
        "translate.onnx",
    ]


def test_a_damaged_graph_in_its_folder_is_refused_whatever_lies_beside_the_manifest(server, model, home):
    hub.push(model.folder, "someone/faces", endpoint=server.url)
    files = server.files["someone/faces"]
    files["translate.onnx"] = files["onnx/translate.onnx"]
    files["onnx/translate.onnx"] = bytes([files["onnx/translate.onnx"][0] ^ 1]) + files["onnx/translate.onnx"][1:]
    with pytest.raises(ManifestError, match="is damaged"):
        hub.pull("someone/faces", endpoint=server.url)
    assert list(home.iterdir()) == []


def test_every_bundled_model_is_pushed_with_a_head_that_the_hub_reads():
    from huggingface_hub import ModelCard

    from imgedit.models.hub.folders import _files_of

    for folder in sorted(library.bundled_folder().iterdir()):
        if (folder / "manifest.json").exists():
            found, files = _files_of(folder)
            head = ModelCard(files["README.md"].decode()).data
            assert (head.library_name, head.model_name) == ("imgedit", found.id)
            assert head.license
            assert json.loads(files["config.json"])["model_id"] == found.id
            assert {name for name in files if name.endswith(".onnx")} == {
                f"onnx/{graph.file}" for graph in found.graphs.values()
            }
