"""The hub's client: repository names, uploads, work that can be left behind, and its errors as one line."""

from __future__ import annotations

import contextlib
import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO, TypeVar

from imgedit import settings
from imgedit.errors import HubError, ImgeditError

__all__ = ["check_repo_id", "client", "hint_online", "hub_errors", "in_time", "is_offline", "named", "upload"]

T = TypeVar("T")

_REPO_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9_][\w.-]{0,95}", re.ASCII)


def named(text: str, revision: str | None = None) -> tuple[str, str | None]:
    """Return repository and revision of `owner/name` or `owner/name@revision`.

    Raises:
        HubError: it is no repository name, or two revisions are named.
    """
    repo_id, at, own = text.partition("@")
    check_repo_id(repo_id)
    if at and not own:
        raise HubError(f"{text!r} names no revision; give owner/name@revision, or leave the @ out")
    if own and revision not in (None, own):
        raise HubError(f"{text!r} and the revision {revision!r} contradict each other; name only one of them")
    return repo_id, own or revision


def is_offline() -> bool:
    """Tell whether the network may not be asked: by the setting `offline`, or by HF_HUB_OFFLINE."""
    return bool(settings.value("offline")) or _is_hub_offline()


def _is_hub_offline() -> bool:
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")


def hint_online() -> str:
    """Say what keeps the network from being asked, for the hint of an error."""
    if settings.value("offline"):
        return "the setting `offline` is on; `imgedit config` says where"
    return "HF_HUB_OFFLINE is set" if _is_hub_offline() else "leave --offline out"


def upload(
    repo_id: str,
    files: Mapping[str, bytes | BinaryIO],
    text: str,
    *,
    revision: str | None = None,
    private: bool = False,
    endpoint: str | None = None,
    show_progress: bool = False,
) -> str:
    """Commit files to a repository, which is made when missing, and return the address of the commit.

    Args:
        repo_id: `owner/name`.
        files: name -> content.
        text: of the commit.
        revision: branch to commit to.
        private: make a new repository private.
        endpoint: address of the hub; the client's own setting when None.
        show_progress: show the client's progress bars on stderr.

    Raises:
        HubError: not logged in, no right to write, or the hub cannot be reached.
    """
    check_repo_id(repo_id)

    def commit(_: threading.Event) -> str:
        with hub_errors(repo_id, revision):
            hub = client()
            switch = hub.utils.enable_progress_bars if show_progress else hub.utils.disable_progress_bars
            switch()
            api = hub.HfApi(endpoint=endpoint)
            api.create_repo(repo_id, private=private, exist_ok=True)
            operations = [hub.CommitOperationAdd(name, content) for name, content in files.items()]
            done = api.create_commit(repo_id, operations=operations, revision=revision, commit_message=text)
            return str(done.commit_url)

    return in_time(commit, None, repo_id)


def in_time(work: Callable[[threading.Event], T], timeout: float | None, repo_id: str) -> T:
    """Do work in a thread that Ctrl-C and the clock can leave behind, whatever it waits for."""
    done, cancelled = threading.Event(), threading.Event()
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work(cancelled))
        except BaseException as error:  # goes on in the thread that waits
            errors.append(error)
        finally:
            done.set()

    start = time.monotonic()
    threading.Thread(target=run, daemon=True, name=f"hub {repo_id}").start()
    try:
        while not done.wait(0.1):
            if timeout is not None and time.monotonic() - start > timeout:
                raise HubError(
                    f"{repo_id}: took more than {timeout:.0f} s; try again", hint="or allow more with --timeout"
                )
    finally:
        cancelled.set()
    if errors:
        raise errors[0]
    return results[0]


def check_repo_id(repo_id: str) -> None:
    """Complain of what is no repository name.

    Raises:
        HubError: it is not `owner/name`.
    """
    if not _REPO_ID.fullmatch(repo_id) or ".." in repo_id or "--" in repo_id:
        raise HubError(f"{repo_id!r} is no repository name; give owner/name")


def client() -> Any:
    """Return the hub's client; it tells its makers nothing."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # before the import
    import huggingface_hub.utils

    return huggingface_hub


@contextmanager
def hub_errors(repo_id: str, revision: str | None = None, name: str | None = None) -> Iterator[None]:
    """Say in one line what the hub's client raised, whatever it was."""
    client()
    from huggingface_hub import errors as hf

    try:
        yield
    except (ImgeditError, GeneratorExit):
        raise
    except hf.GatedRepoError as error:
        raise HubError(f"{repo_id} is gated: ask its owner for access, then log in with `hf auth login`") from error
    except hf.RevisionNotFoundError as error:
        raise HubError(f"{repo_id} has no revision {revision!r}") from error
    except hf.RepositoryNotFoundError as error:
        raise HubError(f"the hub has no {repo_id}, or it is private and needs `hf auth login`") from error
    except hf.EntryNotFoundError as error:
        raise FileNotFoundError(name) from error
    except hf.LocalTokenNotFoundError as error:
        raise HubError(f"{repo_id}: not logged in; run `hf auth login`") from error
    except hf.OfflineModeIsEnabled as error:
        raise HubError(f"{repo_id}: the hub is out of reach while HF_HUB_OFFLINE is set") from error
    except hf.HfHubHTTPError as error:
        status = getattr(getattr(error, "response", None), "status_code", None)
        advice = "log in with `hf auth login`" if status in (401, 403) else "try again later"
        raise HubError(f"{repo_id}: the hub answered {status or 'with an error'}; {advice}") from error
    except Exception as error:  # the transport's own (httpx, httpx2), or what an answer without sense leads to
        raise HubError(f"{repo_id}: the hub cannot be reached, or its answer makes no sense: {_line(error)}") from error


def _line(error: Exception) -> str:
    """Return what an error says in one line, without the token that some of them quote."""
    text = " ".join(f"{type(error).__name__}: {error}".split())
    with contextlib.suppress(Exception):
        token = client().get_token()
        if token:
            text = text.replace(token, "***")
    return re.sub(r"Bearer [^\s'\"]+", "Bearer ***", text)[:200]
