"""How the process keeps its memory."""

from __future__ import annotations

import ctypes
import sys

# Parameters of mallopt(3), from glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4
_SETTINGS = ((_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, 2**31 - 1), (_M_TOP_PAD, 256 << 20))  # a count, bytes, bytes


def keep_freed_memory() -> bool:
    """Tell glibc's malloc to keep what is freed instead of giving it back to the system.

    Every step of a training on the CPU allocates and frees the same large tensors. By default each goes to the system
    and back, and the system clears its pages anew. Keeping them saves that. The price is that the process stays as
    large as it once was. Other systems and C libraries are left as they are.

    Returns:
        Whether the settings were taken.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        library = ctypes.CDLL(None)
        library.gnu_get_libc_version  # noqa: B018 - only glibc has it; others number mallopt's parameters otherwise
        return all(library.mallopt(name, value) == 1 for name, value in _SETTINGS)
    except (OSError, AttributeError):
        return False
