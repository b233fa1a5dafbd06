"""From the command line to a method's `Config` and back: presets, typed `field=value` settings, JSON."""

from __future__ import annotations

import ast
import dataclasses
import difflib
import importlib
import math
import re
import types
import typing
from collections.abc import Iterable, Mapping
from typing import Any, cast

from imgedit.errors import ConfigError
from training.method import METHODS, MethodModule


def method_module(method_id: str) -> MethodModule:
    """Import the module of a training method.

    Raises:
        ConfigError: `METHODS` does not hold it.
    """
    if method_id not in METHODS:
        raise ConfigError(f"unknown method {method_id!r}{_nearest(method_id, METHODS)}; known: {', '.join(METHODS)}")
    return cast(MethodModule, importlib.import_module(METHODS[method_id]))


def resolve(method_id: str, preset: str | None = None, settings: Iterable[str] = ()) -> Any:
    """Build a method's `Config`: its defaults, then the preset, then each `field=value` in order.

    Args:
        method_id: a key of `METHODS`.
        preset: a key of the method's `PRESETS`; None takes the first.
        settings: `field=value`, the value written as Python or bare text; `a,b` also makes a tuple.

    Raises:
        ConfigError: unknown method, preset or field, a value of the wrong type, or one that the method refuses.
    """
    module = method_module(method_id)
    presets = module.PRESETS
    name = next(iter(presets)) if preset is None else preset
    if name not in presets:
        raise ConfigError(f"{method_id} has no preset {name!r}{_nearest(name, presets)}; it has: {', '.join(presets)}")
    values = dict(presets[name])
    hints = typing.get_type_hints(module.Config)
    for setting in settings:
        field, equals, text = setting.partition("=")
        field = field.strip()
        if not equals:
            raise ConfigError(f"a setting looks like field=value, got {setting!r}")
        if field not in hints:
            raise ConfigError(
                f"{method_id} has no setting {field!r}{_nearest(field, hints)}; it has: {', '.join(hints)}"
            )
        values[field] = parse_value(field, text, hints[field])
    return build(module.Config, values)


def build(config_class: type[Any], values: Mapping[str, object]) -> Any:
    """Make a `Config`, with its own complaint about a value turned into a ConfigError."""
    try:
        config = config_class(**values)
    except ConfigError:
        raise
    except _MISFITS as error:
        raise ConfigError(f"cannot use these settings: {error}") from error
    for name, (low, high) in _RANGES.items():
        value = getattr(config, name, low)
        if not low <= value <= high:
            raise ConfigError(f"{name} must be from {low} to {high}, got {value}")
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if not isinstance(value, int | float):
            continue
        if _RATE.fullmatch(field.name) and not 0.0 <= value < math.inf:
            raise ConfigError(f"{field.name} must be a number from 0, got {value}")
        if _DECAY.fullmatch(field.name) and not 0.0 <= value < 1.0:
            raise ConfigError(f"{field.name} must be from 0 to below 1, got {value}")
    return config


_MISFITS = (TypeError, ValueError, OverflowError)
_RANGES = {"batch_size": (1, 2**31), "steps": (1, 2**53), "seed": (0, 2**63 - 1), "decay_from": (0.0, 1.0)}
"""Least and largest value of what the loop itself uses, and of the share of the steps after which rates fall."""
_RATE = re.compile(r"(second_)?lr(_\w+)?|weight_decay|lambda_\w+")
"""Learning rates, and weights of losses."""
_DECAY = re.compile(r"beta[12]|ema_decay|dropout")
"""Decays of averages, Adam's among them, and probabilities of dropout."""


def parse_value(field: str, text: str, hint: Any) -> object:
    """Read one value as the type that the dataclass declares.

    Args:
        field: for the message.
        text: what the user typed.
        hint: the annotation: int, float, bool, str, `Literal`, `X | None` or a tuple.

    Raises:
        ConfigError: the text is not such a value.
    """
    try:
        value: object = ast.literal_eval(text.strip())
    except (ValueError, SyntaxError):
        value = {"true": True, "false": False, "none": None}.get(text.strip().lower(), text.strip())
    try:
        return _convert(value, text.strip(), hint)
    except _MISFITS as error:
        raise ConfigError(f"{field} must be {_describe(hint)}, got {text!r}") from error


def to_json(config: Any) -> dict[str, Any]:
    """Return a config as what JSON can hold; tuples become lists."""
    return {f.name: _plain(getattr(config, f.name)) for f in dataclasses.fields(config)}


def from_json(method_id: str, values: Mapping[str, Any]) -> Any:
    """Rebuild the config that `to_json` wrote.

    Raises:
        ConfigError: a field is unknown to this version of the method, or has a wrong type.
    """
    config_class = method_module(method_id).Config
    hints = typing.get_type_hints(config_class)
    unknown = sorted(set(values) - set(hints))
    if unknown:
        raise ConfigError(f"{method_id} has no setting {', '.join(unknown)}; the run was made by another version")
    typed: dict[str, Any] = {}
    for name, value in values.items():
        try:
            typed[name] = _convert(value, value, hints[name])
        except _MISFITS as error:
            raise ConfigError(f"the stored {name} must be {_describe(hints[name])}, got {value!r}") from error
    return build(config_class, typed)


def _convert(value: Any, text: Any, hint: Any) -> Any:
    """Return `value` as the type `hint`, `text` where text is wanted; raise ValueError or TypeError."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any or hint is object:
        return value
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        for argument in arguments:
            if argument is not type(None):
                try:
                    return _convert(value, text, argument)
                except _MISFITS:
                    continue
        raise ValueError(f"{text!r} fits none of {arguments}")
    if origin is typing.Literal:
        for choice in arguments:
            if choice in (value, text):
                return choice
        raise ValueError(f"{text!r} is not a choice")
    if origin is tuple:
        return _convert_tuple(value, arguments)
    if hint is bool and isinstance(value, bool):
        return value
    if hint is int and not isinstance(value, bool) and isinstance(value, int | float) and int(value) == value:
        return int(value)
    if hint is float and not isinstance(value, bool) and isinstance(value, int | float):
        return float(value)
    if hint is str:
        return value if isinstance(value, str) else str(text)
    raise TypeError(f"{text!r} is not {_describe(hint)}")


def _convert_tuple(value: Any, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    if isinstance(value, str):
        # Bare names, `Bangs,Smiling` or `(Bangs, Smiling)`, are no Python literals.
        items: list[Any] = [item.strip() for item in value.strip("()[] ").split(",") if item.strip()]
    else:
        items = list(value) if isinstance(value, tuple | list) else [value]
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return tuple(_convert(item, item, arguments[0]) for item in items)
    if len(items) != len(arguments):
        raise ValueError(f"needs {len(arguments)} values")
    return tuple(_convert(item, item, argument) for item, argument in zip(items, arguments, strict=True))


def _describe(hint: Any) -> str:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        return "one of " + ", ".join(map(str, arguments))
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_describe(a) for a in arguments)
    if origin is tuple:
        return "values with commas between, each " + _describe(arguments[0])
    names = {int: "a whole number", float: "a number", bool: "true or false", str: "text", type(None): "none"}
    return names.get(hint, str(hint))


def _plain(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_plain(v) for v in value]
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    return value


def _nearest(name: str, known: Iterable[str]) -> str:
    match = difflib.get_close_matches(name, list(known), n=1, cutoff=0.4)
    return f" (did you mean {match[0]!r}?)" if match else ""
