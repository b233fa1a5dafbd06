"""The data stream: balanced draws, full passes, exact resumption."""

from __future__ import annotations

import numpy as np
import torch

from imgedit import pixels
from training.data.batch import Batch, Stream, to_tensor


class Numbers:
    """A data set whose pictures are their own index."""

    attributes: tuple[str, ...] = ()

    def __init__(self, n: int, weights: np.ndarray | None = None) -> None:
        self.n = n
        self.weights = weights

    def __len__(self) -> int:
        return self.n

    def batch(self, index: np.ndarray, rng: np.random.Generator) -> Batch:
        return Batch(torch.from_numpy(index + rng.random(len(index)) * 0.25))


def test_shuffled_passes_show_every_picture_once_a_pass() -> None:
    stream = Stream(Numbers(10), 4, seed=1)
    drawn = torch.cat([next(stream).image for _ in range(5)]).floor().long().tolist()
    assert sorted(drawn[:10]) == list(range(10))
    assert sorted(drawn[10:]) == list(range(10))
    assert drawn[:10] != drawn[10:]


def test_a_batch_larger_than_the_set_repeats_it() -> None:
    drawn = next(Stream(Numbers(3), 7, seed=1)).image.floor().long().tolist()
    assert sorted(drawn[:6]) == [0, 0, 1, 1, 2, 2]


def test_weights_set_the_share_of_draws() -> None:
    stream = Stream(Numbers(3, np.array([1.0, 0.0, 3.0])), 1000, seed=2)
    drawn = torch.cat([next(stream).image for _ in range(20)]).floor().long()
    share = torch.bincount(drawn, minlength=3).double() / len(drawn)
    # 20,000 draws: a standard deviation is 0.003.
    torch.testing.assert_close(share, torch.tensor([0.25, 0.0, 0.75], dtype=torch.float64), atol=0.015, rtol=0.0)


def test_a_resumed_stream_goes_on_bit_for_bit() -> None:
    stream = Stream(Numbers(10), 4, seed=3)
    for _ in range(3):
        next(stream)
    state = stream.state_dict()
    expected = [next(stream).image for _ in range(4)]
    other = Stream(Numbers(10), 4, seed=99)
    other.load_state_dict(state)
    for image in expected:
        assert torch.equal(next(other).image, image)


def test_to_tensor_maps_0_to_minus_1_and_255_to_1() -> None:
    image = np.zeros((1, 2, 3, 3), np.uint8)
    image[0, 1, 2] = (255, 0, 51)
    tensor = to_tensor(image)
    assert tensor.shape == (1, 3, 2, 3)
    torch.testing.assert_close(tensor[0, :, 1, 2], torch.tensor([1.0, -1.0, -0.6]))
    assert tensor[0, 0, 0, 0] == -1.0


def test_to_tensor_agrees_with_what_models_see_and_stays_channels_last() -> None:
    image = np.random.default_rng(0).integers(0, 256, (2, 4, 5, 3), np.uint8)
    tensor = to_tensor(image)
    assert np.array_equal(tensor.numpy(), pixels.to_tensor(image))
    assert tensor.is_contiguous(memory_format=torch.channels_last)
