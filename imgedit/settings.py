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
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from imgedit.errors import ConfigError
from imgedit.text import shortened

__all__ = [
    "DEVICE",
    "NO_FACE",
    "SETTINGS",
    "Setting",
    "Value",
    "config_file",
    "effective",
    "survey",
    "unknown_variables",
    "value",
]

DEVICE = r"auto|cpu|cuda(?::([0-9]{1,3}))?"
"""Pattern of the name of a device."""
NO_FACE = ("fail", "skip", "copy")
"""What becomes of a photo without faces."""

_PREFIX = "IMGEDIT_"
_LIMIT = 1 << 20  # bytes of the file
_TRUE, _FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off", "")
_KINDS = {str: "text in quotes", int: "a whole number", float: "a number", bool: "true or false"}
_PIXELS = r"[+-]?\d+(?:\.\d*)?"
_FACE = rf"(?i:all|largest|smallest|left|right|nearest:{_PIXELS},{_PIXELS}|\d+)"


@dataclass(frozen=True)
class Setting:
    """One setting.

    Attributes:
        name: as in the file, and as the option is called.
        kind: type of its value.
        default: where nobody sets it.
        text: what it is.
        least: the smallest number that it can be.
        most: the largest.
        pattern: regular expression of the texts that it can be; empty for any.
        known: those texts, for messages.
    """

    name: str
    kind: type
    default: Any
    text: str
    least: float | None = None
    most: float | None = None
    pattern: str = ""
    known: str = ""

    @property
    def variable(self) -> str:
        """Its name in the environment."""
        return _PREFIX + self.name.upper().replace("-", "_")

    @property
    def wanted(self) -> str:
        """What it can be, for messages."""
        bounds = ("from", self.least), ("to", self.most)
        return " ".join([self.known or _KINDS[self.kind], *(f"{a} {b:g}" for a, b in bounds if b is not None)])

    def takes(self, value: Any) -> bool:
        """Tell whether it can be a value of its kind."""
        if self.pattern:
            return re.fullmatch(self.pattern, value) is not None
        return (self.least is None or value >= self.least) and (self.most is None or value <= self.most)


@dataclass(frozen=True)
class Value:
    """What a setting is, and where that comes from.

    Attributes:
        setting: which.
        value: what it is; the text that was given, where it cannot be that.
        origin: `default`, the path of the file, or the name in the environment.
        problem: why it cannot be that; empty where it can.
    """

    setting: Setting
    value: Any
    origin: str
    problem: str = ""


SETTINGS = {
    setting.name: setting
    for setting in (
        Setting(
            "device", str, "auto", "where networks run: auto, cpu, cuda or cuda:N",
            pattern=DEVICE, known="auto, cpu, cuda or cuda:N",
        ),
        Setting("jobs", int, 1, "photos at a time", least=1, most=64),
        Setting(
            "face", str, "all", "which faces are edited",
            pattern=_FACE, known="all, largest, smallest, left, right, nearest:X,Y or a number from 0",
        ),
        Setting("min-face", float, 0.0, "side of the smallest face that is edited, pixels", least=0),
        Setting(
            "no-face", str, "fail", "what becomes of photos without faces: fail, skip or copy",
            pattern="|".join(NO_FACE), known="fail, skip or copy",
        ),
        Setting("quality", int, None, "of JPEG, WebP, AVIF and HEIC files, 1 to 100", least=1, most=100),
        Setting("strip", bool, False, "leave out EXIF, GPS, XMP and comments"),
        Setting("no-mark", bool, False, "do not say in a file that the picture was edited"),
        Setting("quiet", bool, False, "no messages but errors"),
        Setting("home", str, None, "folder of pulled models, in `models` in it"),
        Setting("offline", bool, False, "ask nothing of the network"),
        Setting("max-size", float, None, "largest model that is pulled, MB", least=0),
    )
}  # fmt: skip
"""Name -> setting."""

_OTHER_VARIABLES = ("IMGEDIT_CONFIG", "IMGEDIT_DATA", "IMGEDIT_PAGE_PASSWORD", "IMGEDIT_SLOW")
"""What is read from the environment and is no setting: the file, a password, and what tests need."""


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
        ConfigError: the environment gives it a value that it cannot have, or anything in the file is wrong.
    """
    found = _of_environment(SETTINGS[name])
    if found is None:
        in_file, wrong = _file(config_file())
        if wrong:
            raise ConfigError(wrong[0])
        found = _of_file_or_default(name, in_file)
    if found.problem:
        raise ConfigError(found.problem)
    return found


def survey() -> tuple[list[Value], list[str]]:
    """Return all settings as far as they can be read, and a sentence for each thing that is wrong.

    Where the file cannot be read, the settings are what they are without it.
    """
    try:
        in_file, wrong = _file(config_file())
    except ConfigError as error:
        in_file, wrong = {}, (str(error),)
    values = [_of_environment(setting) or _of_file_or_default(setting.name, in_file) for setting in SETTINGS.values()]
    problems = dict.fromkeys([*wrong, *(value.problem for value in values if value.problem)])
    return values, [shortened(problem) for problem in problems]


def unknown_variables() -> list[str]:
    """Return a sentence for each variable of the environment that is called like a setting, and that nothing reads."""
    known = [*(setting.variable for setting in SETTINGS.values()), *_OTHER_VARIABLES]
    return [
        f"{name} is set, and nothing reads it; the nearest known name is {_nearest(name, known)}"
        for name, text in os.environ.items()
        if name.startswith(_PREFIX) and text and name not in known
    ]


def _nearest(name: str, known: Iterable[str]) -> str:
    from difflib import get_close_matches

    stems = [other.removeprefix(_PREFIX) for other in known]
    return _PREFIX + get_close_matches(name.removeprefix(_PREFIX).upper(), stems, n=1, cutoff=0)[0]


def _of_environment(setting: Setting) -> Value | None:
    """Return what the environment says of a setting; None where it says nothing."""
    text = os.environ.get(setting.variable)
    if not text:
        return None
    try:
        given = _parsed(setting.kind, text)
        is_right = setting.takes(given)
    except ValueError:
        is_right = False
    if is_right:
        return Value(setting, given, setting.variable)
    wanted = "1 or 0" if setting.kind is bool else setting.wanted
    return Value(setting, text, setting.variable, f"{setting.variable} is {wanted}, not {text!r}")


def _of_file_or_default(name: str, in_file: Mapping[str, Value]) -> Value:
    return in_file.get(name) or Value(SETTINGS[name], SETTINGS[name].default, "default")


def _parsed(kind: type, text: str) -> Any:
    """Read the text of a variable.

    Raises:
        ValueError: it is of another kind.
    """
    if kind is not bool:
        return kind(text)
    lower = text.strip().lower()
    if lower not in (*_TRUE, *_FALSE):
        raise ValueError(text)
    return lower in _TRUE


def _file(path: Path) -> tuple[Mapping[str, Value], tuple[str, ...]]:
    """Return the settings of a file, by name, and what is wrong in it; nothing where there is no file.

    Raises:
        ConfigError: it cannot be read, or is no TOML.
    """
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return {}, ()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"{path}: the settings cannot be read: {reason}") from error
    return _read(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=4)
def _read(path: Path, changed: int, size: int) -> tuple[Mapping[str, Value], tuple[str, ...]]:
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
    found: dict[str, Value] = {}
    wrong = []
    for key, given in table.items():
        setting = SETTINGS.get(key.replace("_", "-"))
        if setting is None:
            wrong.append(f"{path}: unknown setting {key!r}; known: {', '.join(SETTINGS)}")
            continue
        kinds = (int, float) if setting.kind is float else (setting.kind,)
        is_kind = isinstance(given, kinds) and (setting.kind is bool or not isinstance(given, bool))
        if is_kind and setting.takes(given):
            found[setting.name] = Value(setting, setting.kind(given), str(path))
        else:
            wrong.append(f"{path}: {key} is {setting.wanted}, not {given!r}")
            found[setting.name] = Value(setting, str(given), str(path), wrong[-1])
    return found, tuple(wrong)
