"""Two domains of one labelled set."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from training_toys import Pictures

from imgedit.errors import ConfigError, DataError
from training.data.batch import Batch
from training.data.unpaired import Unpaired


class Numbered:
    """Pictures of their own number; labels are its bits."""

    attributes = ("A", "B")
    weights = None
    labels = np.array([[i & 1, i >> 1 & 1] for i in range(8)], np.uint8)

    def __len__(self) -> int:
        return 8

    def batch(self, index: np.ndarray, rng: np.random.Generator) -> Batch:
        image = torch.from_numpy(index.astype(np.float32))[:, None, None, None]
        return Batch(image, torch.from_numpy(self.labels[index].astype(np.float32)))


def drawn(attributes: tuple[str, ...]) -> tuple[set[int], set[int]]:
    data = Unpaired(Numbered(), attributes)
    rng = np.random.default_rng(0)
    batches = [data.batch(np.arange(len(data)), rng) for _ in range(20)]
    first = {int(x) for one in batches for x in one.image.flatten()}
    return first, {int(x) for one in batches for x in one.require_partner().flatten()}


def test_one_attribute_parts_the_pictures_without_it_from_those_with_it() -> None:
    assert drawn(("A",)) == ({0, 2, 4, 6}, {1, 3, 5, 7})


def test_of_two_attributes_a_picture_has_one_alone() -> None:
    assert drawn(("A", "B")) == ({1, 5}, {2, 6})


def test_a_pass_shows_every_picture_of_the_larger_domain_s_size() -> None:
    assert len(Unpaired(Numbered(), ("A", "B"))) == 2


def test_partners_are_drawn_from_the_given_generator_alone() -> None:
    data = Unpaired(Pictures(8, 8, ("A",)), ("A",))
    a, b = (data.batch(np.arange(4), np.random.default_rng(3)) for _ in range(2))
    assert torch.equal(a.require_partner(), b.require_partner())


def test_masks_of_both_domains_come_with_their_pictures() -> None:
    data = Unpaired(Pictures(8, 8, ("A",), "soft"), ("A",))
    batch = data.batch(np.arange(4), np.random.default_rng(3))
    pictures = torch.stack([batch.image[:, 0], batch.require_partner()[:, 0]], 1)
    assert batch.require_mask().shape == (4, 2, 8, 8)
    torch.testing.assert_close(batch.require_mask() * 2.0 - 1.0, pictures, atol=0.1, rtol=0.0)


def test_wrong_domains_are_said() -> None:
    with pytest.raises(ConfigError, match="one or two attributes"):
        Unpaired(Numbered(), ())
    with pytest.raises(DataError, match=r"second \(A\) domain"):
        Unpaired(Pictures(1, 8, ("A",)), ("A",))
