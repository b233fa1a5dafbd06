"""Where uploads lie, and which files of this machine a visitor of the page can name; without Gradio."""

from __future__ import annotations

import asyncio
import json
import os
import time
from pathlib import Path

import pytest

from imgedit.page import uploads
from imgedit.page.uploads import SeparateUploads, UploadsAlone

JOIN = "/gradio_api/queue/join"
UPLOAD = "/gradio_api/upload"


def asked(folder, body, path=JOIN):
    """Send a request in pieces; return the status, and what the page inside was sent, None where it was not asked."""
    parts = [body[i : i + 700_000] for i in range(0, len(body), 700_000)] or [b""]
    messages = [{"type": "http.request", "body": part, "more_body": part is not parts[-1]} for part in parts]
    reached, sent = [], []

    async def inner(scope, receive, send):
        got = await receive()
        while got["more_body"]:
            got = {**(more := await receive()), "body": got["body"] + more["body"]}
        reached.append((dict(scope["headers"])[b"content-length"], got["body"]))
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def receive():
        return messages.pop(0)

    async def send(message):
        sent.append(message)

    headers = [(b"content-length", str(len(body)).encode())]
    scope = {"type": "http", "method": "POST", "path": path, "headers": headers}
    asyncio.run(UploadsAlone(inner, folder)(scope, receive, send))
    return sent[0]["status"], reached[0] if reached else None


def named(path, **more):
    return {"path": path, "meta": {"_type": "gradio.FileData"}, **more}


def test_an_uploaded_photo_is_let_through_as_it_was_read(tmp_path):
    value = {"data": [named(str(tmp_path / "a1" / "photo.jpg")), None, 0.5, "é"], "fn_index": 0}
    status, (length, body) = asked(tmp_path, json.dumps(value).encode())
    assert (status, json.loads(body), int(length)) == (200, value, len(body))


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd", "photo.jpg", "", "{folder}", "{folder}/", "{folder}/../photo.jpg", "{folder}/a/../../b/c.jpg",
        "{folder}x/photo.jpg", "file:///etc/passwd", "http://127.0.0.1/a.jpg", "HTTPS://a.example/a.jpg", 5, None, [],
    ],
)  # fmt: skip
@pytest.mark.parametrize("is_stream", [False, True])
def test_no_other_file_and_no_address_is(tmp_path, path, is_stream):
    path = path.replace("{folder}", str(tmp_path)) if isinstance(path, str) else path
    data = ["all", {"value": [named(path, is_stream=is_stream)]}]
    assert asked(tmp_path, json.dumps({"data": data}).encode()) == (400, None)


def test_a_path_that_is_named_twice_is_the_one_that_was_looked_at(tmp_path):
    good = json.dumps(str(tmp_path / "a.jpg"))
    text = '{"data": [{"path": %s, "path": %s}]}'
    assert asked(tmp_path, (text % (good, '"/etc/passwd"')).encode()) == (400, None)
    status, (_, body) = asked(tmp_path, (text % ('"/etc/passwd"', good)).encode())
    assert (status, b"passwd" in body) == (200, False)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"5", b"\xff", b"[" * 100_000, b'{"data": "' + b"x" * 2_000_000])
def test_what_is_no_request_to_work_is_refused(tmp_path, body):
    assert asked(tmp_path, body) == (400, None)


def test_uploads_are_not_looked_through(tmp_path):
    body = b"x" * 2_000_000
    assert asked(tmp_path, body, "/gradio_api/upload") == (200, (b"2000000", body))


def upload(page, path=UPLOAD):
    """Return the status and the body of an answer to an upload, and its length as the headers say."""
    sent = []

    async def send(message):
        sent.append(message)

    asyncio.run(page({"type": "http", "method": "POST", "path": path}, None, send))
    body = b"".join(message["body"] for message in sent[1:])
    return sent[0]["status"], body, int(dict(sent[0]["headers"])[b"content-length"])


def by_content(folder, names=("a.jpg",), status=200):
    """A page that names an uploaded file by its content, as Gradio does."""

    async def inner(scope, receive, send):
        paths = [folder / "hash" / name for name in names]
        for path in paths:
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(b"the same photo")
        body = json.dumps([str(path) for path in paths]).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body[:9], "more_body": True})
        await send({"type": "http.response.body", "body": body[9:]})

    return inner


def test_the_same_photo_uploaded_twice_is_two_files(tmp_path):
    page = SeparateUploads(by_content(tmp_path), tmp_path)
    answers = [upload(page) for _ in range(2)]
    assert all(status == 200 and length == len(body) for status, body, length in answers)
    first, second = (Path(json.loads(body)[0]) for _, body, _ in answers)
    assert first.name == second.name == "a.jpg"  # results are named after it
    assert first.parent != second.parent
    uploads.remove(first)
    assert second.read_bytes() == b"the same photo"
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [second]
    uploads.remove(second)
    assert list(tmp_path.iterdir()) == []


def test_each_file_of_an_upload_is_moved_once(tmp_path):
    _, body, _ = upload(SeparateUploads(by_content(tmp_path, ("a.jpg", "b.jpg", "a.jpg")), tmp_path))
    first, other, again = json.loads(body)
    assert first == again != other
    assert all(Path(path).is_file() for path in (first, other))


@pytest.mark.parametrize(("path", "status"), [(JOIN, 200), (UPLOAD, 413)])
def test_other_answers_are_as_they_came(tmp_path, path, status):
    got, body, length = upload(SeparateUploads(by_content(tmp_path, status=status), tmp_path), path)
    assert (got, json.loads(body), length) == (status, [str(tmp_path / "hash" / "a.jpg")], len(body))


def test_what_nobody_reads_is_removed_after_an_hour(tmp_path, monkeypatch):
    monkeypatch.setattr(uploads, "_PAUSE", 0.01)
    old = time.time() - 3700
    for name in ("upload-old", "upload-new", "work"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.jpg").write_bytes(b"photo")
    for name in ("broken off", "coming in"):
        (tmp_path / name).write_bytes(b"pho")
    for name in ("upload-old", "work", "broken off"):
        os.utime(tmp_path / name, (old, old))

    async def inner(scope, receive, send):
        raise RuntimeError("the visitor is gone")

    async def visit():
        page = SeparateUploads(inner, tmp_path)
        with pytest.raises(RuntimeError):
            await page({"type": "http", "method": "POST", "path": UPLOAD}, None, None)
        await asyncio.sleep(0.1)
        assert page._next_look is not None  # some are left
        for name in ("upload-new", "coming in"):
            os.utime(tmp_path / name, (old, old))
        await asyncio.sleep(0.1)
        assert page._next_look is None

    asyncio.run(visit())
    assert [path.name for path in tmp_path.iterdir()] == ["work"]
