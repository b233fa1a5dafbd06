"""Which files of this machine a visitor of the page can name; without Gradio."""

from __future__ import annotations

import asyncio
import json

import pytest

from imgedit.page.uploads import UploadsAlone

JOIN = "/gradio_api/queue/join"


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
