"""Settings of the command line and of the cache: from the environment, else from the user's file, else the default.

The file is `config.toml` in the user's folder for settings (`imgedit config` says where), a table of names and values:

    device = "cpu"
    jobs = 2
    strip = true

A name in the environment is `IMGEDIT_` and the setting in capitals, such as `IMGEDIT_DEVICE`. What is typed on the
command line wins over both.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from imgedit.errors import ConfigError

__all__ = ["SETTINGS", "Setting", "Value", "config_file", "effective", "of_file", "value"]

_LIMIT = 1 << 20  # bytes of the file
_TRUE, _FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off", "")


@dataclass(frozen=True)
class Setting:
    """One setting.

    Attributes:
        name: as in the file, and as the option is called.
        kind: type of its value.
        default: where nobody sets it.
        text: what it is.
    """

    name: str
    kind: type
    default: Any
    text: str

    @property
    def variable(self) -> str:
        """Its name in the environment."""
        return "IMGEDIT_" + self.name.upper().replace("-", "_")


@dataclass(frozen=True)
class Value:
    """What a setting is, and where that comes from.

    Attributes:
        setting: which.
        value: what it is.
        origin: `default`, the path of the file, or the name in the environment.
    """

    setting: Setting
    value: Any
    origin: str


SETTINGS = {
    setting.name: setting
    for setting in (
        Setting("device", str, "auto", "where networks run: auto, cpu, cuda or cuda:N"),
        Setting("jobs", int, 1, "photos at a time"),
        Setting("face", str, "all", "which faces are edited"),
        Setting("min-face", float, 0.0, "side of the smallest face that is edited, pixels"),
        Setting("no-face", str, "fail", "what becomes of photos without faces: fail, skip or copy"),
        Setting("quality", int, None, "of JPEG, WebP, AVIF and HEIC files, 1 to 100"),
        Setting("strip", bool, False, "leave out EXIF, GPS, XMP and comments"),
        Setting("no-mark", bool, False, "do not say in a file that the picture was edited"),
        Setting("quiet", bool, False, "no messages but errors"),
        Setting("home", str, None, "folder of pulled models, in `models` in it"),
        Setting("offline", bool, False, "ask nothing of the network"),
        Setting("max-size", float, None, "largest model that is pulled, MB"),
    )
}
"""Name -> setting."""


def config_file() -> Path:
    """Return the path of the user's file, which need not exist: `$IMGEDIT_CONFIG`, else where the system keeps such."""
    named = os.environ.get("IMGEDIT_CONFIG")
    if named:
        return Path(named)
    import platformdirs

    return Path(platformdirs.user_config_dir("imgedit", appauthor=False)) / "config.toml"


def value(name: str) -> Any:
    """Return what a setting is; see `effective`."""
    return effective(name).value


def effective(name: str) -> Value:
    """Return what a setting is, and where that comes from.

    Raises:
        ConfigError: the environment or the file gives it a value that it cannot have.
    """
    setting = SETTINGS[name]
    text = os.environ.get(setting.variable)
    if text:
        return Value(setting, _parsed(setting, text), setting.variable)
    path = config_file()
    found = of_file(path)
    if name in found:
        return Value(setting, found[name], str(path))
    return Value(setting, setting.default, "default")


def of_file(path: Path) -> Mapping[str, Any]:
    """Return the settings of a file, by name; none where there is no file.

    Raises:
        ConfigError: it cannot be read, is no TOML, or has an unknown setting or a wrong value.
    """
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"{path}: the settings cannot be read: {reason}") from error
    return _read(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=4)
def _read(path: Path, changed: int, size: int) -> Mapping[str, Any]:
    """Read a file; a change of it is a new call."""
    import tomllib

    from imgedit.files import read_file

    try:
        table = tomllib.loads(read_file(path, _LIMIT).decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: is no TOML: {error}") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"{path}: the settings cannot be read: {reason}") from error
    found = {}
    for key, given in table.items():
        setting = SETTINGS.get(key.replace("_", "-"))
        if setting is None:
            raise ConfigError(f"{path}: unknown setting {key!r}; known: {', '.join(SETTINGS)}")
        wanted = (int, float) if setting.kind is float else (setting.kind,)
        if not isinstance(given, wanted) or (isinstance(given, bool) and setting.kind is not bool):
            raise ConfigError(f"{path}: {key} is {_KINDS[setting.kind]}, not {given!r}")
        found[setting.name] = setting.kind(given)
    return found


_KINDS = {str: 'text, such as "auto"', int: "a whole number", float: "a number", bool: "true or false"}


def _parsed(setting: Setting, text: str) -> Any:
    lower = text.strip().lower()
    if setting.kind is bool:
        if lower not in (*_TRUE, *_FALSE):
            raise ConfigError(f"{setting.variable} is 1 or 0, not {text!r}")
        return lower in _TRUE
    try:
        return setting.kind(text)
    except ValueError as error:
        raise ConfigError(f"{setting.variable} is {_KINDS[setting.kind]}, not {text!r}") from error
