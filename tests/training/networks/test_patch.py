"""Discriminators of the translation methods, and the order in which networks keep their pictures."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from training.networks.blocks import conv_norm_act, instance_norm
from training.networks.patch import PatchClassifier
from training.run.optim import on_device

CPU = torch.device("cpu")


def test_a_conditional_discriminator_starts_blind_to_labels_and_then_weighs_its_features_by_them() -> None:
    torch.manual_seed(0)
    network = PatchClassifier(16, 3, 2, 4, 2, conditional=True)
    image = torch.rand(1, 3, 16, 16)
    on, off = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 0.0]])
    assert network.embed is not None
    with torch.no_grad():
        assert torch.equal(network(image, on)[0], network(image, off)[0])
        network.embed.weight[:, 0] = 1.0
        source_on, classes_on = network(image, on)
        source_off, classes_off = network(image, off)
        features = network.main(image)
    # The label goes from -1 to 1, so the sum of the features goes from being taken off to being added.
    torch.testing.assert_close(source_on - source_off, 2.0 * features.sum(1, keepdim=True))
    assert torch.equal(classes_on, classes_off)


def test_an_unconditional_discriminator_has_no_embedding() -> None:
    network = PatchClassifier(16, 3, 2, 4, 2)
    image = torch.rand(1, 3, 16, 16)
    assert not any("embed" in name for name in network.state_dict())
    assert torch.equal(network(image, torch.zeros(1, 2))[0], network(image, torch.ones(1, 2))[0])


@pytest.mark.parametrize("instance", [False, True])
def test_networks_with_instance_norm_keep_the_plain_order_on_the_cpu(instance: bool) -> None:
    network = nn.Sequential(conv_norm_act(3, 8), instance_norm(8) if instance else nn.Identity())
    out = on_device(network, CPU)(torch.rand(2, 3, 8, 8))
    assert out.is_contiguous(memory_format=torch.channels_last) is not instance


def test_instance_norm_takes_each_channel_of_each_picture_to_mean_0_and_deviation_1() -> None:
    out = instance_norm(3)(torch.rand(2, 3, 8, 8) * torch.tensor([1.0, 5.0]).view(2, 1, 1, 1) + 7.0)
    torch.testing.assert_close(out.mean((2, 3)), torch.zeros(2, 3), atol=1e-5, rtol=0)
    torch.testing.assert_close(out.std((2, 3), correction=0), torch.ones(2, 3), atol=1e-3, rtol=0)
