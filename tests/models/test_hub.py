"""The real huggingface_hub client against a small server on this machine that speaks the hub's protocol."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from imgedit.errors import HubError, ManifestError, OutputError
from imgedit.models import hub, library, manifest
from tests import toy_models as models

SHA = "a" * 40


class Hub(ThreadingHTTPServer):
    """Repositories in memory: `files[repo][name]`; `refuse[repo]` is an error status and the hub's error code."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, dict[str, bytes]] = {}
        self.refuse: dict[str, tuple[int, str]] = {}
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def publish(self, repo: str, folder: Path) -> None:
        self.files[repo] = {f.relative_to(folder).as_posix(): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


class Handler(BaseHTTPRequestHandler):
    """GET repo info, tree and files; POST create, preupload and commit."""

    server: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def reply(self, body: bytes | dict | list, status: int = 200, **headers: str) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Type", "application/octet-stream" if isinstance(body, bytes) else "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def fail(self, status: int, code: str) -> None:
        self.reply({"error": code}, status, X_Error_Code=code, X_Error_Message=code)

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.server.asked.append(f"{self.command} {path}")
        parts = path.strip("/").split("/")
        repo = "/".join(parts[2:4] if parts[0] == "api" else parts[:2])
        if repo in self.server.refuse:
            return self.fail(*self.server.refuse[repo])
        if repo not in self.server.files:
            return self.fail(404, "RepoNotFound")
        files = self.server.files[repo]
        revision = parts[5] if parts[0] == "api" and len(parts) > 5 else parts[3] if len(parts) > 3 else "main"
        if revision not in ("main", SHA):
            return self.fail(404, "RevisionNotFound")
        if parts[0] == "api" and "tree" in parts:
            return self.reply([{"type": "file", "path": n, "size": len(c), "oid": oid(c)} for n, c in files.items()])
        if parts[0] == "api":
            siblings = [{"rfilename": name, "size": len(content)} for name, content in files.items()]
            return self.reply({"id": repo, "modelId": repo, "sha": SHA, "siblings": siblings, "private": False,
                               "tags": [], "downloads": 0, "likes": 0})  # fmt: skip
        name = "/".join(parts[4:])
        if name not in files:
            return self.fail(404, "EntryNotFound")
        return self.reply(files[name], ETag=f'"{oid(files[name])}"', X_Repo_Commit=SHA)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.server.asked.append(f"POST {path}")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = path.strip("/").split("/")
        if "Bearer hf_test" not in self.headers.get("Authorization", ""):
            return self.fail(401, "Unauthorized")
        if path == "/api/repos/create":
            told = json.loads(body)
            repo = f"{told.get('organization') or 'someone'}/{told['name']}"
            if repo in self.server.refuse:
                return self.fail(*self.server.refuse[repo])
            self.server.files.setdefault(repo, {})
            return self.reply({"url": f"{self.server.url}/{repo}", "name": repo})
        repo = "/".join(parts[2:4])
        if "preupload" in parts:
            files = [
                {"path": f["path"], "uploadMode": "regular", "shouldIgnore": False} for f in json.loads(body)["files"]
            ]
            return self.reply({"files": files})
        if "commit" in parts:
            for line in body.splitlines():
                entry = json.loads(line)
                if entry["key"] == "file":
                    self.server.files[repo][entry["value"]["path"]] = base64.b64decode(entry["value"]["content"])
            return self.reply(
                {"success": True, "commitUrl": f"{self.server.url}/{repo}/commit/{SHA}", "commitOid": SHA}
            )
        return self.reply({"errors": [], "warnings": []})


def oid(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("HF_TOKEN", "hf_test")
    hub_server = Hub()
    thread = threading.Thread(target=hub_server.serve_forever, args=(0.02,))
    thread.start()
    yield hub_server
    hub_server.shutdown()
    thread.join()
    hub_server.server_close()


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("IMGEDIT_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "models"


@pytest.fixture
def model(tmp_path):
    made = models.face(tmp_path / "made")
    (made.folder / "README.md").write_text("# A card\n")
    return made


def test_a_pulled_model_can_be_found_and_holds_only_model_files(server, model, home):
    (model.folder / "evil.py").write_text("raise SystemExit")
    (model.folder / "weights.pkl").write_bytes(b"pickle")
    server.publish("someone/faces", model.folder)
    pulled = hub.pull("someone/faces", endpoint=server.url)
    assert pulled.manifest == model.manifest
    assert library.find("someone/faces") == pulled
    assert sorted(p.name for p in pulled.folder.iterdir()) == ["README.md", "manifest.json", "translate.onnx"]
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
    assert sorted(server.files["someone/faces"]) == ["README.md", "manifest.json", "translate.onnx"]
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
