"""`imgedit page`: edit photos in the browser."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from imgedit.cli.common import RESULT, Device, NoMark, Quiet, message, result, show_logs
from imgedit.errors import ImgeditError
from imgedit.extras import how_to_add

__all__ = ["page", "register"]

_VARIABLE = "IMGEDIT_PAGE_PASSWORD"


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(epilog="Example: imgedit page --port 8000")(page)


def page(
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Let others in, with a password; 0.0.0.0 is every network.")
    ] = "127.0.0.1",
    port: Annotated[
        int | None,
        typer.Option(
            min=0, max=65535, metavar="N", help="[default: 7860, or the next that is free]", show_default=False
        ),
    ] = None,
    password: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help=f"[default: ${_VARIABLE}; with --host one is made]", show_default=False),
    ] = None,
    open_: Annotated[
        bool | None,
        typer.Option(
            "--open/--no-open", help="Open the browser [default: from a terminal on a desktop].", show_default=False
        ),
    ] = None,
    quality: Annotated[
        int | None,
        typer.Option(min=1, max=100, metavar="1..100", help="Of JPEG, WebP, AVIF, HEIC [default: the photo's].",
                     rich_help_panel=RESULT),
    ] = None,
    strip: Annotated[
        bool,
        typer.Option("--strip/--no-strip", help="Leave out EXIF, GPS, XMP and comments.", show_default=False,
                     rich_help_panel=RESULT),
    ] = False,
    no_mark: NoMark = False,
    device: Device = "auto",
    quiet: Quiet = False,
) -> None:  # fmt: skip
    """Edit photos in the browser: choose faces, words, pose and expression, compare before and after, download.

    The page is for this machine alone unless --host is given. Photos are kept while they are worked on; Ctrl-C ends
    the page and removes them.
    """
    show_logs(quiet)
    from imgedit.page import serve

    if not serve.is_here():
        raise ImgeditError(f"{serve.MISSING}; add it with: {how_to_add('page')}")
    from imgedit.models import devices

    devices.providers(device)  # a visitor could not mend it
    password = password or os.environ.get(_VARIABLE) or None
    is_local = serve.is_loopback(host)
    if not is_local and password is None:
        import secrets

        password = secrets.token_urlsafe(12)
    place = serve.listen(host, port)
    url = serve.url_of(place)

    def ready() -> None:
        if not is_local:
            message("warning: others on the network can reach this page, and what is sent to it can be read on the way")
        result(url)
        if password is not None and not is_local:
            result(f"user name {serve.NAME}, password {password}")
        message("Ctrl-C ends the page", quiet=quiet)
        if _is_on_a_desktop() if open_ is None else open_:
            import webbrowser

            webbrowser.open(url)

    from imgedit.functions import open_model
    from imgedit.progress import status

    with status("Preparing the page", quiet=quiet):
        editor = open_model(device=device, mark=not no_mark, strip=strip, quality=quality)
    serve.serve(editor, place, password=password, ready=ready)


def _is_on_a_desktop() -> bool:
    """Tell whether somebody watches who has a browser here: a terminal that is not reached from elsewhere."""
    if sys.stdout is None or not sys.stdout.isatty() or "SSH_CONNECTION" in os.environ:
        return False
    is_linux = sys.platform.startswith("linux")
    return not is_linux or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
