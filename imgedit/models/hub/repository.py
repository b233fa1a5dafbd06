"""Fetch the files of one repository, all of the same commit, each with a limit of bytes."""

from __future__ import annotations

import re
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from imgedit.errors import HubError, OutputError
from imgedit.models.hub.client import client, hub_errors

__all__ = ["Repository"]

_SILENCE = 30.0  # seconds without a byte after which the hub is given up
_PART = 1 << 16  # bytes read at once
_COMMIT = re.compile(r"[0-9a-f]{40}")


class Repository:
    """Fetches the files of one repository, all of the same commit.

    Args:
        repo_id: `owner/name`.
        revision: branch, tag or commit.
        endpoint: address of the hub.
        folder: where the files go.

    Attributes:
        cancelled: set when nobody waits for the files any more.
    """

    def __init__(self, repo_id: str, revision: str | None, endpoint: str | None, folder: Path) -> None:
        self._repo_id = repo_id
        self._revision = revision
        self._endpoint = endpoint
        self._folder = folder
        self.cancelled = threading.Event()

    @property
    def commit(self) -> str:
        """The commit of the files, once the first has come; empty where the hub does not say."""
        return self._revision if self._revision is not None and _COMMIT.fullmatch(self._revision) else ""

    def fetch_all(
        self,
        wanted: Mapping[str, int],
        report: Callable[[int, int], None] | None = None,
        folders: Sequence[str] = ("",),
    ) -> None:
        """Fetch files of known sizes.

        Args:
            wanted: name -> bytes.
            report: is told the bytes so far, and of all.
            folders: of the repository, in which the files may lie, such as `onnx/`; looked at in this order.

        Raises:
            FileNotFoundError: no folder has a file.
            HubError: a file has not its size.
            OutputError: the disk is too small.
        """
        total, done, left = sum(wanted.values()), 0, list(folders)
        free = shutil.disk_usage(self._folder).free
        if total > free:
            raise OutputError(f"{self._folder}: {total / 1e6:.0f} MB do not fit, {free / 1e6:.0f} MB are free")
        for name, size in wanted.items():
            before = done

            def count(size: int, before: int = before) -> None:
                if report is not None:
                    report(before + size, total)

            while True:
                try:
                    found = self.fetch(left[0] + name, size, count, to=name).stat().st_size
                    break
                except FileNotFoundError:
                    if len(left) == 1:
                        raise
                    left.pop(0)
            if found < size:
                raise HubError(f"{self._repo_id}: {name} ended after {found} of {size} bytes; try again")
            done += size

    def fetch(self, name: str, limit: int, count: Callable[[int], None] | None = None, *, to: str = "") -> Path:
        """Fetch a file of at most `limit` bytes, and return where it lies: at `to`, or at its own name.

        Raises:
            FileNotFoundError: the repository has no such file.
        """
        target = self._folder / (to or name)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with open(target, "xb") as file:
                size = 0
                for part in self._parts(name):
                    size += len(part)
                    if size > limit:
                        raise HubError(f"{self._repo_id}: {name} has more than the {limit} bytes that it may have")
                    file.write(part)
                    if count is not None:
                        count(size)
        except FileNotFoundError:
            target.unlink(missing_ok=True)
            raise
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise OutputError(f"{target.parent}: {name} cannot be written: {reason}") from error
        return target

    def _parts(self, name: str) -> Iterator[bytes]:
        """Give a file's bytes as they come; its commit is that of every later file."""
        with hub_errors(self._repo_id, self._revision, name):
            hub = client()
            address = hub.hf_hub_url(self._repo_id, name, revision=self._revision, endpoint=self._endpoint)
            headers = hub.utils.build_hf_headers() | {"Accept-Encoding": "identity"}
            session = hub.utils.get_session()
            options = {"headers": headers, "timeout": _SILENCE, "follow_redirects": True}
            with session.stream("GET", address, **options) as response:
                hub.utils.hf_raise_for_status(response)
                for answer in (*response.history, response):
                    commit = answer.headers.get("X-Repo-Commit", "")
                    if _COMMIT.fullmatch(commit):
                        self._revision = commit
                parts = response.iter_bytes(_PART)
                while not self.cancelled.is_set():
                    part = next(parts, None)
                    if part is None:
                        return
                    yield part
            raise HubError(f"{self._repo_id}: nobody waits for it any more")
