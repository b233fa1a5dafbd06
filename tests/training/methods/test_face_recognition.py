"""The network that tells people apart."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from imgedit.errors import ConfigError
from imgedit.models.manifest import Crop
from training.data.batch import Batch
from training.methods.face_recognition import Config, Method, with_margin


def method(**settings: object) -> Method:
    torch.manual_seed(0)
    return Method(Config(**{**Method.tiny(), **settings}))  # type: ignore[arg-type]


def faces(n: int) -> torch.Tensor:
    return torch.rand(n, 3, 16, 16, generator=torch.Generator().manual_seed(1)) * 2 - 1


def test_the_margin_lowers_the_right_cosine_alone() -> None:
    cosines = torch.tensor([[0.5, 0.25], [-0.5, 0.75]])
    expected = torch.tensor([[0.5, 0.0], [-0.75, 0.75]])
    torch.testing.assert_close(with_margin(cosines, torch.tensor([1, 0]), 0.25), expected)


def test_descriptors_have_length_1_and_cosines_are_between_them_and_the_peoples() -> None:
    one = method()
    network = one.network.eval()
    found = network(faces(4))
    torch.testing.assert_close(found.norm(dim=1), torch.ones(4))
    people = network.people.detach()
    expected = [[math.fsum((f / f.norm() * p / p.norm()).tolist()) for p in people] for f in found.detach()]
    np.testing.assert_allclose(network.cosines(faces(4)).detach(), expected, atol=1e-5)


def test_more_people_than_expected_are_refused() -> None:
    with pytest.raises(ConfigError, match="at least 8; give their number"):
        method().loss(Batch(faces(4), specified=torch.tensor([0, 1, 2, 7])))


def test_people_come_apart_in_training() -> None:
    one = method(lr=1e-2, steps=60, colour=0.0, ema_decay=0.5)
    batch = Batch(faces(4), specified=torch.tensor([0, 1, 2, 3]))
    start = one.step(iter([batch]))["loss_ce"]
    for _ in range(59):
        end = one.step(iter([batch]))["loss_ce"]
    assert end < 0.5 * start
    assert (one.network.cosines(batch.image).argmax(1) == batch.specified).all()


def test_the_model_describes_the_window_that_the_data_show() -> None:
    fields = method().manifest_fields()
    assert (fields["kind"], Crop(**fields["crop"])) == ("recognise", Crop("inner", 16, 16))


@pytest.mark.parametrize(("field", "value"), [("size", 20), ("margin", 1.0), ("margin", -0.1)])
def test_settings_that_make_no_sense_are_refused(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=field):
        Config(**{field: value})  # type: ignore[arg-type]
