"""Keep visitors from naming files of this machine: what a page's request may name are files that were uploaded to it.

A request to work holds the values of controls, and in any of them a file by its path. Gradio copies what is named so to
where visitors can fetch it, and checks the path only of pages that it serves itself.
"""

from __future__ import annotations

import json
import os
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

__all__ = ["App", "Receive", "Scope", "Send", "UploadsAlone"]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_PATH = "/gradio_api/queue/join"
_LARGEST = 1 << 20  # bytes of a request to work; photos are uploaded before it


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
