"""The judge of hair colours that sees no shape."""

from __future__ import annotations

import pytest
import torch

from training.methods.hair_histogram import Config, HairHistogram, Method, _near, opponents


def network(bins: int = 5) -> HairHistogram:
    torch.manual_seed(0)
    return HairHistogram(bins, 4)


def pictures(n: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    made = torch.Generator().manual_seed(0)
    return torch.rand(n, 3, 20, 20, generator=made) * 2 - 1, torch.rand(n, 1, 20, 20, generator=made)


def test_a_value_is_shared_between_the_two_bins_around_it() -> None:
    centres = torch.tensor([0.0, 0.5, 1.0])
    found = _near(torch.tensor([[0.0, 0.125, 0.75, -3.0, 9.0]]), centres)[0].T
    expected = [[1, 0, 0], [0.75, 0.25, 0], [0, 0.5, 0.5], [1, 0, 0], [0, 0, 1]]
    torch.testing.assert_close(found, torch.tensor(expected))


def test_grey_has_no_differences_and_shares_do_not_know_the_brightness() -> None:
    grey = torch.full((1, 3, 2, 2), 0.5)
    torch.testing.assert_close(opponents(grey)[0, :, 0, 0], torch.tensor([0.5, 0.0, 0.0, 0.0, 0.0]))
    brown = torch.tensor([0.4, 0.3, 0.2]).view(1, 3, 1, 1)
    bright, warm, yellow, *_ = opponents(brown)[0, :, 0, 0].tolist()
    assert (bright, warm, yellow) == pytest.approx((0.32, 0.1, 0.15))


def test_each_histogram_of_the_hair_adds_up_to_1() -> None:
    found = network(7).features(*pictures())
    torch.testing.assert_close(found[:, :-1].view(2, 5, 7).sum(2), torch.ones(2, 5))


def test_where_in_the_hair_a_colour_is_makes_no_difference() -> None:
    image, mask = pictures()
    mask[..., 6:, :] = 0.0  # hair above the middle of the face
    moved, moved_mask = image.clone(), mask.clone()
    order = torch.randperm(6 * 20, generator=torch.Generator().manual_seed(3))
    for one in (moved, moved_mask):
        one[..., :6, :] = one[..., :6, :].flatten(2)[..., order].view_as(one[..., :6, :])
    torch.testing.assert_close(network()(image, mask), network()(moved, moved_mask))


def test_what_is_no_hair_counts_as_the_brightness_of_the_skin_alone() -> None:
    image, mask = pictures(1)
    mask[..., 6:, :] = 0.0
    image[..., 6:, :] = 0.0  # 0.5 of 1
    darker = image.clone()
    darker[..., 6:, :] = -0.5
    difference = network().features(darker, mask) - network().features(image, mask)
    torch.testing.assert_close(difference[0, -1], torch.tensor(0.25))
    assert not difference[0, :-1].any()


def test_a_head_without_hair_gives_numbers() -> None:
    image, mask = pictures()
    assert network()(image, torch.zeros_like(mask)).isfinite().all()


def test_colours_come_apart_in_training() -> None:
    from training.data.batch import Batch

    torch.manual_seed(0)
    one = Method(Config(**{**Method.tiny(), "steps": 80, "colour": 0.0}))  # type: ignore[arg-type]
    colours = torch.tensor([[0.05, 0.05, 0.05], [0.85, 0.7, 0.45], [0.35, 0.22, 0.15], [0.65, 0.65, 0.65]])
    image = (colours * 2 - 1)[..., None, None].expand(-1, -1, 16, 16)
    batch = Batch(image, labels=torch.eye(4), mask=torch.ones(4, 1, 16, 16))
    for _ in range(80):
        said = one.step(iter([batch]))
    assert said["accuracy"] == 1.0


def test_a_histogram_has_bins() -> None:
    with pytest.raises(ValueError, match="bins"):
        Config(bins=1)
