"""Serve the page: for this machine alone unless asked otherwise, without a request to any other, and clear up after it.

Gradio's own server is not used: it asks itself whether it can be reached, offers links through other machines, and
prints what it likes.
"""

from __future__ import annotations

import errno
import hmac
import ipaddress
import logging
import os
import re
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from imgedit.errors import ConfigError, ImgeditError
from imgedit.page.logins import LimitedLogins
from imgedit.page.uploads import App, Receive, Scope, Send, SeparateUploads, UploadsAlone

if TYPE_CHECKING:
    from imgedit.editor import Editor

__all__ = [
    "MISSING",
    "NAME",
    "PORT",
    "Access",
    "application",
    "is_here",
    "is_loopback",
    "listen",
    "serve",
    "stopped_by_signals",
    "url_of",
]

PORT = 7860
"""Where the page is unless another port is named; the next free one of a few, if it is taken."""
NAME = "imgedit"
"""What a visitor calls themself who has the password."""
MISSING = "the page needs Gradio, which is the extra `page`"
"""What is wrong where it is not installed."""
_TRIED = 20  # ports
_LARGEST = "1gb"  # of an upload

_NEEDED = re.compile(
    r"/(?:|config|login|login_check|logout|token|user|theme\.css|favicon\.ico|manifest\.json|robots\.txt"
    r"|(?:static|assets|svelte)/.*"
    r"|gradio_api/(?:user|login_check|token|startup-events|upload|upload_progress|queue/(?:join|data)|cancel|reset|app_id"
    r"|heartbeat/[^/]+|file=.*))/?"
)
"""The paths that the page needs. Gradio's others (its API and the page about it, its proxy, links that are kept, its
monitoring) are not there."""
_HEADERS = {
    # The browser itself refuses whatever would ask another machine.
    "content-security-policy": (
        "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data: blob:; font-src 'self' data:; worker-src 'self' blob:; frame-ancestors 'none'; "
        "form-action 'self'; base-uri 'self'; object-src 'none'"
    ),
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
_KEPT = ("/assets/", "/static/", "/svelte/")
"""What a browser may keep: the page's programs, not its photos."""
_REMOTE = re.compile(rb"[ \t]*<(?:meta|link)\b[^>]*https?://[^>]*>\n?")
_SHOW_WAIT = b"""<script>window.fetch = (ask => async (...asked) => { const answer = await ask(...asked);
if (answer.status === 429) alert(await answer.clone().text()); return answer; })(window.fetch);</script>"""
"""Shows what `LimitedLogins` says; Gradio's own page is silent about what it does not foresee."""


def is_here() -> bool:
    """Tell whether what the page is made of is installed; nothing is loaded."""
    from importlib.util import find_spec

    return find_spec("gradio") is not None and find_spec("uvicorn") is not None


def is_loopback(host: str) -> bool:
    """Tell whether only this machine reaches an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def listen(host: str, port: int | None) -> socket.socket:
    """Open the place where visitors come in.

    Args:
        host: a name or address of this machine.
        port: 0 for any that is free; None for `PORT` or the next free one.

    Raises:
        ConfigError: there is no such address.
        ImgeditError: the port is taken, or not allowed.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError) as error:
        raise ConfigError(f"{host!r} is no address of this machine", hint="such as --host 0.0.0.0") from error
    failed: OSError | None = None
    for tried in range(PORT, PORT + _TRIED) if port is None else [port]:
        place = socket.socket(family, socket.SOCK_STREAM)
        if os.name == "posix":  # elsewhere this would share a port that is taken
            place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            place.bind((address[0], tried))
            place.listen(128)
        except OSError as error:
            place.close()
            if error.errno == errno.EADDRNOTAVAIL:
                raise ConfigError(f"{host!r} is no address of this machine", hint="such as --host 0.0.0.0") from error
            failed = error
            continue
        return place
    where = f"port {port}" if port is not None else f"a port from {PORT} to {PORT + _TRIED - 1}"
    reason = (failed and failed.strerror) or failed
    raise ImgeditError(
        f"the page cannot be at {where} of {host}: {reason}", hint="name another with --port"
    ) from failed


def url_of(place: socket.socket) -> str:
    """Return the address of the page for a browser on this machine."""
    host, port = place.getsockname()[:2]
    if ipaddress.ip_address(host).is_unspecified:
        host = "127.0.0.1" if place.family == socket.AF_INET else "::1"
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def application(editor: Editor, folder: Path, *, password: str | None = None, is_local: bool = True) -> App:
    """Return the page as an ASGI application.

    Args:
        editor: what edits.
        folder: where uploads and results lie for a time.
        password: what visitors have to know; None: nothing.
        is_local: it is asked for by a name of this machine alone, so that no other page can reach it through the
            visitor's browser by a name that leads here.

    Raises:
        ImgeditError: Gradio is not installed.
    """
    os.environ["GRADIO_TEMP_DIR"] = str(folder)  # read when Gradio loads, and when a page is built
    try:
        import fastapi
        import gradio

        from imgedit.page import layout
    except ImportError as error:
        raise ImgeditError(MISSING) from error

    def may_enter(name: str, given: str) -> bool:
        return hmac.compare_digest(given.encode(), (password or "").encode()) and name == NAME

    page = layout.build(editor, folder)
    inner = gradio.mount_gradio_app(
        fastapi.FastAPI(docs_url=None, redoc_url=None, openapi_url=None),
        page,
        "/",
        auth=None if password is None else may_enter,
        auth_message=f"The user name is <b>{NAME}</b>.",
        theme=layout.theme(),
        css=layout.CSS,
        footer_links=[],
        run_history=False,
        show_error=False,
        max_file_size=_LARGEST,
        ssr_mode=False,
        enable_monitoring=False,
        pwa=False,
        mcp_server=False,
    )
    page.has_launched = True  # otherwise Gradio does not check where files lie that visitors name
    for component in page.config["components"]:
        component["example_inputs"] = None  # samples for programs, some by their addresses elsewhere
    return Access(LimitedLogins(UploadsAlone(SeparateUploads(inner, folder), folder)), is_local=is_local)


class Access:
    """Lets through what the page needs, and nothing that leads to another machine.

    Args:
        inner: the page.
        is_local: as `application`.
    """

    def __init__(self, inner: App, *, is_local: bool) -> None:
        self._inner, self._is_local = inner, is_local

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI wants it."""
        if scope["type"] == "lifespan":
            await self._inner(scope, receive, send)
        elif scope["type"] != "http":  # the page needs no sockets
            await send({"type": "websocket.close", "code": 1008})
        elif not self._is_welcome(scope):
            await send({"type": "http.response.start", "status": 403, "headers": [(b"content-type", b"text/plain")]})
            await send({"type": "http.response.body", "body": b"This page is for the machine that runs it."})
        elif not _NEEDED.fullmatch(scope["path"]):
            await send({"type": "http.response.start", "status": 404, "headers": [(b"content-type", b"text/plain")]})
            await send({"type": "http.response.body", "body": b"There is nothing here."})
        else:
            more = {}
            if not scope["path"].startswith(_KEPT):
                more = {"cache-control": "no-store"}
                plain = [(name, value) for name, value in scope["headers"] if name.lower() != b"accept-encoding"]
                scope = {**scope, "headers": plain}  # a page that is compressed cannot be looked through
            await self._inner(scope, receive, _with_headers(send, _HEADERS | more))

    def _is_welcome(self, scope: Scope) -> bool:
        """Tell whether a request was meant for this machine, and comes from this page if from any."""
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        host, origin = headers.get("host", ""), headers.get("origin")
        if origin is not None and origin.partition("://")[2] != host:
            return False
        name = host.rpartition(":")[0] if re.search(r":\d+$", host) else host
        return not self._is_local or is_loopback(name.strip("[]"))


def _with_headers(send: Send, added: Mapping[str, str]) -> Send:
    """Add headers to an answer, and take what names other machines out of a page's head."""
    start: MutableMapping[str, Any] = {}
    parts: list[bytes] = []
    is_page = False

    async def sent(message: MutableMapping[str, Any]) -> None:
        nonlocal is_page
        if message["type"] == "http.response.start":
            headers = [(name, value) for name, value in message["headers"] if name.decode().lower() not in added]
            headers += [(name.encode(), value.encode()) for name, value in added.items()]
            is_page = any(name == b"content-type" and value.startswith(b"text/html") for name, value in headers)
            start.update(message, headers=headers)
            if not is_page:
                await send(start)
        elif message["type"] == "http.response.body" and is_page:
            parts.append(message.get("body", b""))
            if not message.get("more_body"):
                body = _REMOTE.sub(b"", b"".join(parts)).replace(b"<head>", b"<head>" + _SHOW_WAIT, 1)
                kept = [(name, value) for name, value in start["headers"] if name != b"content-length"]
                await send({**start, "headers": [*kept, (b"content-length", str(len(body)).encode())]})
                await send({**message, "body": body})
        else:
            await send(message)

    return sent


def serve(editor: Editor, place: socket.socket, *, password: str | None = None, ready: Callable[[], object]) -> None:
    """Serve the page until Ctrl-C, and remove every file that was made for it.

    Args:
        editor: what edits.
        place: as `listen` gives it.
        password: as `application`.
        ready: called when visitors may come.

    Raises:
        ImgeditError: Gradio is not installed.
    """
    with TemporaryDirectory(prefix="imgedit-page-", ignore_cleanup_errors=True) as folder, place:
        is_local = is_loopback(place.getsockname()[0])
        app = application(editor, Path(folder), password=password, is_local=is_local)
        import uvicorn

        class Server(uvicorn.Server):  # type: ignore[misc]
            """Leaves signals to `stopped_by_signals`: uvicorn would raise them again where tasks still run."""

            @contextmanager
            def capture_signals(self) -> Iterator[None]:
                yield

        options: dict[str, Any] = {"log_config": None, "access_log": False, "server_header": False}
        # A visitor may write any address into X-Forwarded-For, and so have as many logins as they like.
        options["proxy_headers"] = False
        server = Server(uvicorn.Config(app, lifespan="on", timeout_graceful_shutdown=1, **options))
        ready()
        with stopped_by_signals(server):
            server.run(sockets=[place])


@contextmanager
def stopped_by_signals(server: Any) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end a server of uvicorn quietly, whatever is still open then."""
    log = logging.getLogger("uvicorn.error")
    level = log.level

    def stop(number: int, frame: object) -> None:
        log.setLevel(logging.CRITICAL + 1)  # what it says of connections that are still open
        server.force_exit = server.should_exit  # the second time
        server.should_exit = True

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        log.setLevel(level)
        for number, handler in before.items():
            signal.signal(number, handler)
