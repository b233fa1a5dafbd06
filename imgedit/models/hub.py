"""Pull model folders from the Hugging Face hub, and push them there.

Only a manifest, ONNX graphs and the card travel. What is pulled is checked, hashes too, before it becomes visible to
the library.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from imgedit.errors import HubError, ImgeditError
from imgedit.models import library, manifest
from imgedit.models.library import Model

__all__ = ["pull", "push"]

_REPO_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9_][\w.-]{0,95}", re.ASCII)
_ALLOWED = [manifest.FILE, "*.onnx", "README.md"]


def pull(repo_id: str, revision: str | None = None, *, endpoint: str | None = None) -> Model:
    """Fetch a model repository into the cache and return the model.

    Args:
        repo_id: `owner/name` on the hub.
        revision: branch, tag or commit; the main branch when None.
        endpoint: address of the hub; the client's own setting when None.

    Raises:
        HubError: the repository or revision is not there, or the hub cannot be reached.
        ManifestError: what came is not a whole model.
        OutputError: the cache cannot be written.
    """
    with _hub_errors(repo_id):
        from huggingface_hub import snapshot_download
    _check_repo_id(repo_id)
    root = library.cache_folder()
    target = root / repo_id.replace("/", "--")
    with _staging(root) as staging:
        fetched = staging / "fetched"
        with _hub_errors(repo_id, revision):
            snapshot_download(
                repo_id, revision=revision, local_dir=fetched, allow_patterns=_ALLOWED, endpoint=endpoint, max_workers=2
            )
        whole = staging / "whole"
        _take(fetched, whole)
        manifest.verify(whole)
        # The old version steps aside first: a rename onto a folder that holds files is refused.
        if target.exists():
            target.rename(staging / "old")
        whole.rename(target)
    return library.load(target)


def push(
    folder: Path,
    repo_id: str,
    *,
    revision: str | None = None,
    private: bool = False,
    message: str | None = None,
    endpoint: str | None = None,
) -> str:
    """Check a model folder, upload it to the hub, and return the address of the commit.

    Args:
        folder: a model folder.
        repo_id: `owner/name`; it is made when missing.
        revision: branch to commit to.
        private: make a new repository private.
        message: text of the commit.
        endpoint: address of the hub; the client's own setting when None.

    Raises:
        HubError: not logged in, no right to write, or the hub cannot be reached.
        ManifestError: the folder is not a whole model.
    """
    model = manifest.verify(folder)
    _check_repo_id(repo_id)
    with _hub_errors(repo_id, revision):
        from huggingface_hub import HfApi

        api = HfApi(endpoint=endpoint)
        api.create_repo(repo_id, private=private, exist_ok=True)
        commit = api.upload_folder(
            repo_id=repo_id,
            folder_path=folder,
            revision=revision,
            allow_patterns=_ALLOWED,
            commit_message=message or f"{model.id} {model.version}",
        )
        return str(commit.commit_url)


def _take(source: Path, target: Path) -> None:
    """Copy out what a model may hold and nothing else; links are left behind."""
    target.mkdir()
    if not source.is_dir():
        return
    for pattern in _ALLOWED:
        for file in source.glob(pattern):
            if file.is_file() and not file.is_symlink():
                file.rename(target / file.name)


@contextmanager
def _staging(root: Path) -> Iterator[Path]:
    """A folder inside the cache, so that the last step is a rename; always removed."""
    from imgedit.errors import OutputError

    try:
        root.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=".pull-", dir=root))
    except OSError as error:
        raise OutputError(f"cannot write to {root}: {error.strerror or error}; set IMGEDIT_HOME elsewhere") from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _check_repo_id(repo_id: str) -> None:
    if not _REPO_ID.fullmatch(repo_id) or ".." in repo_id or "--" in repo_id:
        raise HubError(f"{repo_id!r} is no repository name; give owner/name")


@contextmanager
def _hub_errors(repo_id: str, revision: str | None = None) -> Iterator[None]:
    """Say in one line what the hub's client raised."""
    from huggingface_hub import errors as hf

    try:
        yield
    except ImgeditError:
        raise
    except hf.GatedRepoError as error:
        raise HubError(f"{repo_id} is gated: ask its owner for access, then log in with `hf auth login`") from error
    except hf.RevisionNotFoundError as error:
        raise HubError(f"{repo_id} has no revision {revision!r}") from error
    except hf.RepositoryNotFoundError as error:
        raise HubError(f"the hub has no {repo_id}, or it is private and needs `hf auth login`") from error
    except hf.LocalTokenNotFoundError as error:
        raise HubError(f"{repo_id}: not logged in; run `hf auth login`") from error
    except (hf.LocalEntryNotFoundError, hf.OfflineModeIsEnabled) as error:
        if isinstance(error.__cause__, hf.HfHubHTTPError):  # the client looked for a local copy after the refusal
            raise _refusal(repo_id, error.__cause__) from error
        raise HubError(f"{repo_id}: the hub is out of reach; try again later") from error
    except hf.HfHubHTTPError as error:
        raise _refusal(repo_id, error) from error
    except Exception as error:
        # The client lets its transport's own errors through (httpx or requests, by version).
        if isinstance(error, OSError) or type(error).__module__.split(".")[0] in ("httpx", "requests", "httpcore"):
            line = (str(error).splitlines() or [""])[0] or type(error).__name__
            raise HubError(f"{repo_id}: the hub cannot be reached ({line})") from error
        raise


def _refusal(repo_id: str, error: Exception) -> HubError:
    """Say what status the hub answered with."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    advice = "log in with `hf auth login`" if status in (401, 403) else "try again later"
    return HubError(f"{repo_id}: the hub answered {status or 'with an error'}; {advice}")
