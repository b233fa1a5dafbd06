"""A small server on this machine that speaks the hub's protocol, for the real huggingface_hub client."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

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
        self.attack: Callable[[Handler, str], bool] | None = None  # takes over the answer for a file, or returns False

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
        if self.server.attack is not None and self.server.attack(self, name):
            self.close_connection = True
            return None
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


@pytest.fixture(name="server")
def fake_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("HF_TOKEN", "hf_test")
    hub_server = Hub()
    thread = threading.Thread(target=hub_server.serve_forever, args=(0.02,))
    thread.start()
    yield hub_server
    hub_server.shutdown()
    thread.join()
    hub_server.server_close()


@pytest.fixture(name="home")
def fake_home(tmp_path, monkeypatch):
    monkeypatch.setenv("IMGEDIT_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "models"


@pytest.fixture(name="model")
def fake_model(tmp_path):
    made = models.face(tmp_path / "made")
    (made.folder / "README.md").write_text("# A card\n")
    return made
