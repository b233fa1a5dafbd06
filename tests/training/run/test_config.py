"""Settings from the command line."""

from __future__ import annotations

import json
import sys
import types
from dataclasses import dataclass, field
from typing import Literal

import pytest

from imgedit.errors import ConfigError
from training.method import METHODS
from training.run import config as configs


@dataclass(frozen=True)
class Config:
    size: int = 64
    lr: float = 1e-3
    name: str = "a"
    mode: Literal["hinge", "wgan"] = "hinge"
    widths: tuple[int, ...] = (1, 2)
    names: tuple[str, ...] = ()
    betas: tuple[float, float] = (0.5, 0.9)
    augment: bool = False
    limit: int | None = None
    steps: int = field(default=10)

    def __post_init__(self) -> None:
        if self.size % 16:
            raise ValueError(f"size must be a multiple of 16, got {self.size}")


@pytest.fixture(autouse=True)
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("toy_method_for_config")
    module.Config = Config  # type: ignore[attr-defined]
    module.PRESETS = {"small": {"size": 32}, "paper": {"size": 128, "widths": (8, 16)}}  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(METHODS, "toy", module.__name__)


def test_first_preset_is_the_default_and_settings_come_after_it() -> None:
    assert configs.resolve("toy").size == 32
    assert configs.resolve("toy", "paper").size == 128
    assert configs.resolve("toy", "paper", ["size=16", "size=48"]).size == 48


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("size=48", 48),
        ("lr=1", 1.0),
        ("lr=2e-4", 2e-4),
        ("name=3", "3"),
        ("name=with = sign", "with = sign"),
        ("mode=wgan", "wgan"),
        ("widths=4,8,16", (4, 8, 16)),
        ("widths=(4,)", (4,)),
        ("widths=7", (7,)),
        ("names=Bangs,Smiling", ("Bangs", "Smiling")),
        ("names=Bangs", ("Bangs",)),
        ("betas=0,0.99", (0.0, 0.99)),
        ("augment=true", True),
        ("augment=False", False),
        ("limit=none", None),
        ("limit=5", 5),
    ],
)
def test_a_setting_has_the_fields_type(setting: str, expected: object) -> None:
    value = getattr(configs.resolve("toy", None, [setting]), setting.partition("=")[0])
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("size=1.5", "size must be a whole number, got '1.5'"),
        ("size=True", "size must be a whole number, got 'True'"),
        ("lr=fast", "lr must be a number, got 'fast'"),
        ("mode=vanilla", "mode must be one of hinge, wgan, got 'vanilla'"),
        ("widths=4,x", "widths must be values with commas between, each a whole number"),
        ("betas=0.5", "betas must be"),
        ("augment=1", "augment must be true or false"),
        ("limit=many", "limit must be a whole number or none"),
        ("wdith=4", r"no setting 'wdith' \(did you mean 'widths'\?\)"),
        ("size", "looks like field=value"),
        ("size=17", "size must be a multiple of 16, got 17"),
    ],
)
def test_a_wrong_setting_says_what_would_be_right(setting: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        configs.resolve("toy", None, [setting])


def test_unknown_method_and_preset_name_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"unknown method 'stragan' \(did you mean 'stargan'\?\); known: .*toy"):
        configs.resolve("stragan")
    with pytest.raises(ConfigError, match=r"no preset 'papers' \(did you mean 'paper'\?\); it has: small, paper"):
        configs.resolve("toy", "papers")


def test_json_and_back_is_the_same_config() -> None:
    config = configs.resolve("toy", "paper", ["names=a,b", "limit=3"])
    assert configs.from_json("toy", json.loads(json.dumps(configs.to_json(config)))) == config


def test_stored_settings_of_another_version_are_refused() -> None:
    with pytest.raises(ConfigError, match="no setting colour"):
        configs.from_json("toy", {"colour": 1})
