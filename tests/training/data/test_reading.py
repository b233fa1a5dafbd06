"""Pictures of data sets that are none."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from imgedit.errors import DataError
from training.data.reading import rgb


@pytest.mark.skipif(sys.platform == "win32", reason="no pipes with names there")
def test_what_is_no_file_is_named_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    for path in (tmp_path / "pipe.jpg", tmp_path, tmp_path / "none.jpg", Path("/dev/zero")):
        with pytest.raises(DataError, match="is missing or no regular file"):
            rgb(path)
