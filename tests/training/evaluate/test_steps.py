"""Training steps that are timed beside plain loops."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import nn
from typer.testing import CliRunner

from imgedit.errors import ConfigError
from tests.command_line import app
from training.evaluate import layout, plain_loops, report, steps
from training.losses.adversarial import gradient_penalty
from training.networks.activations import LeakyReLU
from training.networks.blocks import DoubleToFew, instance_norm
from training.networks.linear import Linear
from training.run import config as configs


def test_loops_run_in_turn_and_who_begins_changes() -> None:
    done: list[tuple[str, int]] = []

    def loop(name: str, seconds: float) -> steps.Loop:
        def run(times: int) -> float:
            done.append((name, times))
            return seconds

        return run

    found = steps.in_turn(loop("a", 0.1), loop("b", 0.05), 3, least=0.35)
    assert found == ([0.1] * 3, [0.05] * 3)
    warm, timed = done[:4], done[4:]
    assert [name for name, _ in warm] == ["a", "b", "a", "b"]
    assert timed == [("a", 4), ("b", 4), ("b", 4), ("a", 4), ("a", 4), ("b", 4)]  # 4 steps of the slower take 0.35 s


@pytest.mark.parametrize("name", steps.CASES)
def test_a_plain_step_moves_its_own_copies_alone(name: str) -> None:
    case = steps.CASES[name]
    module = configs.method_module(case.method)
    size = {"size": 28} if name == "cycle_vae-paper" else {}
    keep = {k: v for k, v in module.Method.tiny().items() if k != "size" or not size}
    settings = [f"{k}={','.join(v) if isinstance(v, tuple) else v}" for k, v in (keep | size).items()]
    torch.manual_seed(0)
    method = module.Method(configs.resolve(case.method, case.preset, settings))
    labels = len(getattr(method.config, "attributes", ()))
    made = steps.batches(method, paired=case.method == "cycle_vae", labels=labels)
    networks = [v for v in vars(method).values() if isinstance(v, nn.Module)]
    before = [p.detach().clone() for n in networks for p in n.parameters()]
    copies: list[nn.Module] = []
    real_plain = plain_loops.plain
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plain_loops, "plain", lambda n: copies.append(real_plain(n)) or copies[-1])
        step = case.plain(method, itertools.cycle(made))
    old = [[p.detach().clone() for p in n.parameters()] for n in copies]
    step()
    step()
    assert all(torch.equal(a, b) for a, b in zip((p for n in networks for p in n.parameters()), before, strict=True))
    for network, kept in zip(copies, old, strict=True):
        moved = [not torch.equal(a, b) for a, b in zip(network.parameters(), kept, strict=True)]
        assert sum(moved) > len(moved) / 2


def test_a_plain_network_has_pytorchs_own_layers_and_the_same_function() -> None:
    torch.manual_seed(0)
    ours = nn.Sequential(
        nn.Conv2d(2, 4, 3), instance_norm(4), LeakyReLU(0.2), nn.Sequential(instance_norm(4, affine=False)),
        DoubleToFew(4, 2, 1), nn.Flatten(), Linear(2 * 36, 3),
    ).to(memory_format=torch.channels_last)  # fmt: skip
    plain = plain_loops.plain(ours)
    types = [type(layer) for layer in plain.modules()]
    assert types.count(nn.InstanceNorm2d) == 2
    assert {LeakyReLU, Linear, nn.GroupNorm, DoubleToFew}.isdisjoint(types)
    x = torch.randn(2, 2, 5, 5)
    torch.testing.assert_close(plain(x), ours(x), atol=1e-5, rtol=1e-5)
    assert plain[0].weight.data_ptr() != ours[0].weight.data_ptr()
    assert plain[0].weight.is_contiguous()


def test_the_plain_penalty_is_the_papers() -> None:
    torch.manual_seed(0)
    critic, real, fake = nn.Sequential(nn.Flatten(), nn.Linear(4, 1)), torch.randn(3, 1, 2, 2), torch.randn(3, 1, 2, 2)
    with torch.random.fork_rng():
        plain = plain_loops._penalty(critic, real, fake)
    assert torch.allclose(plain, gradient_penalty(critic, real, fake))


def test_both_loops_of_a_case_are_timed_in_processes_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "TURN", 0.0)
    result = steps.evaluate(n=3, cases=["gan"], command="imgedit evaluate steps")
    (row,) = result["metrics"]["rows"]
    assert row["case"] == "gan"
    assert row["batch_size"] == 64
    assert row["ratio"]["lower"] <= row["ratio"]["median"] <= row["ratio"]["upper"]
    assert 0.2 < row["ratio"]["median"] < 20
    assert 0 < row["ours"]["least"] <= row["ours"]["median"]
    assert "3 turns each" in layout.plain(report.blocks(result), 200)


def test_unknown_cases_and_too_few_turns_are_refused() -> None:
    with pytest.raises(ConfigError, match="nothing called 'x' is timed; known: gan"):
        steps.evaluate(cases=["x"])
    with pytest.raises(ConfigError, match="3 or more"):
        steps.evaluate(n=2)
    done = CliRunner().invoke(app, ["evaluate", "steps", "nothing"])
    assert done.exit_code == 2
    assert "nothing called 'nothing' is timed" in done.stderr
