"""Keep visitors' files apart: each upload has a place of its own, and a request names nothing but uploads.

A request to work holds the values of controls, and in any of them a file by its path. Gradio copies what is named so to
where visitors can fetch it, and checks the path only of pages that it serves itself. It names an uploaded file by its
content, so that visitors who upload one photo would share one file, which is removed once the first was read.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

__all__ = ["App", "Receive", "Scope", "Send", "SeparateUploads", "UploadsAlone", "remove"]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_PATH, _UPLOAD = "/gradio_api/queue/join", "/gradio_api/upload"
_LARGEST = 1 << 20  # bytes of a request to work; photos are uploaded before it
_PREFIX = "upload-"
_KEPT, _PAUSE = 3600, 60  # seconds after which an upload that nobody reads is removed, and between two looks


class UploadsAlone:
    """Refuses requests to work that name another file than an uploaded one, or an address.

    Args:
        inner: the page.
        folder: where uploads lie.
    """

    def __init__(self, inner: App, folder: Path) -> None:
        self._inner, self._folder = inner, os.path.abspath(folder)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI wants it."""
        if scope["type"] != "http" or scope["path"].rstrip("/") != _PATH:
            await self._inner(scope, receive, send)
            return
        body = await _body(receive)
        try:
            asked = None if body is None else json.loads(body)
        except (ValueError, RecursionError):
            asked = None
        if not isinstance(asked, dict) or not all(self._is_uploaded(path) for path in _paths(asked)):
            await send({"type": "http.response.start", "status": 400, "headers": [(b"content-type", b"text/plain")]})
            await send({"type": "http.response.body", "body": b"A photo is uploaded, not named by its place."})
            return
        checked = json.dumps(asked).encode()  # so that nobody reads it otherwise than it was read here
        headers = [(name, value) for name, value in scope["headers"] if name.lower() != b"content-length"]
        headers.append((b"content-length", str(len(checked)).encode()))
        await self._inner({**scope, "headers": headers}, _first(checked, receive), send)

    def _is_uploaded(self, path: object) -> bool:
        return isinstance(path, str) and os.path.abspath(path).startswith(self._folder + os.sep)


class SeparateUploads:
    """Moves each uploaded file into a new folder of a name that cannot be guessed, and answers with its place there.

    Files that were uploaded but not read, and parts of uploads that broke off, are removed after an hour.

    Args:
        inner: the page.
        folder: where Gradio puts uploads.
    """

    def __init__(self, inner: App, folder: Path) -> None:
        self._inner, self._folder = inner, folder
        self._next_look: asyncio.TimerHandle | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI wants it."""
        if scope["type"] != "http" or scope["path"].rstrip("/") != _UPLOAD:
            await self._inner(scope, receive, send)
            return
        start: MutableMapping[str, Any] = {}
        parts: list[bytes] = []

        async def sent(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
                return
            parts.append(message.get("body", b""))
            if not message.get("more_body"):
                # Nothing waits between Gradio's own move and this one, so that no other upload comes between them.
                body = b"".join(parts) if start["status"] != 200 else self._moved(b"".join(parts))
                headers = [(name, value) for name, value in start["headers"] if name.lower() != b"content-length"]
                await send({**start, "headers": [*headers, (b"content-length", str(len(body)).encode())]})
                await send({**message, "body": body})

        try:
            await self._inner(scope, receive, sent)
        finally:
            self._look_later()

    def _moved(self, answer: bytes) -> bytes:
        """Move the files that an answer of Gradio names, and return the answer with their new places."""
        paths = [Path(path) for path in json.loads(answer)]
        moved = {}
        for path in set(paths):
            place = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=self._folder)) / path.name
            path.rename(place)
            with contextlib.suppress(OSError):
                path.parent.rmdir()
            moved[path] = str(place)
        return json.dumps([moved[path] for path in paths]).encode()

    def _look_later(self) -> None:
        if self._next_look is None:
            self._next_look = asyncio.get_running_loop().call_later(_PAUSE, self._remove_old)

    def _remove_old(self) -> None:
        """Remove old uploads; look again where some are left."""
        self._next_look = None
        is_left = False
        with os.scandir(self._folder) as entries:
            for entry in entries:
                if entry.is_dir() and not entry.name.startswith(_PREFIX):
                    continue  # a photo that is worked on
                with contextlib.suppress(OSError):
                    if time.time() - entry.stat().st_mtime <= _KEPT:
                        is_left = True
                    elif entry.is_dir():
                        shutil.rmtree(entry.path, ignore_errors=True)
                    else:
                        os.unlink(entry.path)
        if is_left:
            self._look_later()


def remove(path: Path) -> None:
    """Remove an uploaded file, and the folder that was made for it."""
    path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        path.parent.rmdir()


async def _body(receive: Receive) -> bytes | None:
    """Return what a request sends; None where it is too long or the visitor has gone."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        parts.append(message.get("body", b""))
        if sum(map(len, parts)) > _LARGEST:
            return None
        if not message.get("more_body"):
            return b"".join(parts)


def _paths(value: object) -> list[object]:
    """Return what stands under `path` anywhere in a request."""
    found, left = [], [value]
    while left:
        one = left.pop()
        if isinstance(one, dict):
            found += [one["path"]] if "path" in one else []
            left += one.values()
        elif isinstance(one, list):
            left += one
    return found


def _first(body: bytes, receive: Receive) -> Receive:
    """Return what gives a body that was read already, and then what comes."""
    messages: list[MutableMapping[str, Any]] = [{"type": "http.request", "body": body, "more_body": False}]

    async def received() -> MutableMapping[str, Any]:
        return messages.pop() if messages else await receive()

    return received
