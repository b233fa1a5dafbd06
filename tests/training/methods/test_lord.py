"""LORD: which codes a step moves, and what bounds them."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from imgedit.errors import DataError
from training.data.batch import Batch
from training.methods.lord import Config, Method
from training.run import config as configs


def make(**changes: Any) -> Method:
    torch.manual_seed(0)
    return Method(configs.build(Config, {**Method.tiny(), **changes}))


def batch(index: tuple[int, ...] = (5, 9, 5, 30)) -> Batch:
    image = torch.rand(4, 1, 16, 16, generator=torch.Generator().manual_seed(3)) * 2 - 1
    return Batch(image, specified=torch.tensor([0, 1, 0, 3]), index=torch.tensor(index))


def test_only_the_codes_of_the_pictures_and_of_their_classes_move() -> None:
    method = make()
    before = {name: getattr(method, name).weight.detach().clone() for name in ("classes", "contents")}
    method.step(iter([batch()]))
    for name, own in (("classes", {0, 1, 3}), ("contents", {5, 9, 30})):
        moved = (getattr(method, name).weight.detach() - before[name]).abs().amax(1) > 0
        assert set(moved.nonzero().flatten().tolist()) == own, name


def test_encoders_learn_from_their_share_of_the_steps_on() -> None:
    method = make(encoders_from=0.5, steps=4)
    names = [sorted(method.step(iter([batch()]))) for _ in range(4)]
    first, second = ["length", "loss_rec"], ["length", "loss_again", "loss_codes", "loss_rec"]
    assert names == [first, first, second, second]


def test_a_higher_weight_keeps_content_codes_shorter() -> None:
    lengths = []
    for weight in (0.01, 10.0):
        method = make(lambda_content=weight, lr_codes=0.05)
        for _ in range(40):
            length = method.step(iter([batch()]))["length"]
        lengths.append(float(length))
    assert lengths[1] < 0.5 * lengths[0]


@pytest.mark.parametrize("wrong", [(5, 9, 5, 64), None])
def test_pictures_without_a_code_are_said(wrong: tuple[int, ...] | None) -> None:
    shown = batch() if wrong is None else batch(wrong)
    if wrong is None:
        shown = Batch(shown.image, specified=shown.specified)
    with pytest.raises(DataError, match="pictures"):
        make().step(iter([shown]))


@pytest.mark.parametrize("changes", [{"n_classes": 1}, {"n_pictures": 0}, {"encoders_from": 1.0}, {"flow_layers": -1}])
def test_wrong_settings_say_what_is_right(changes: dict[str, Any]) -> None:
    with pytest.raises(Exception, match="must be"):
        make(**changes)


def test_the_flow_changes_what_z_is_and_not_what_the_codes_decode_to() -> None:
    method = make(flow_layers=3, flow_width=8, lr_flow=0.05)
    for _ in range(10):
        logs = method.step(iter([batch()]))
    assert "loss_flow" in logs
    image = batch().image
    code, inner = method.encode(image), method.ema_encoder.network(image)
    assert torch.equal(code.s, inner.s)
    assert (code.z.sort(1).values - inner.z.sort(1).values).abs().max() > 0.1
    decoded = method.decode(code.s, code.z)
    assert torch.allclose(decoded, method.ema_decoder.network(inner.s, inner.z), atol=1e-5)
    graphs = method.graphs()
    s, z = graphs["encode"].module(image)
    assert torch.allclose(graphs["decode"].module(s, z), decoded, atol=1e-5)


def test_the_flow_teaches_no_other_network() -> None:
    weights = []
    for changes in ({}, {"flow_layers": 3, "flow_width": 8}):
        method = make(**changes)
        torch.manual_seed(1)
        for _ in range(3):
            method.step(iter([batch()]))
        weights.append([p.detach().clone() for p in [*method.encoder.parameters(), *method.decoder.parameters()]])
    assert all(torch.equal(a, b) for a, b in zip(*weights, strict=True))
