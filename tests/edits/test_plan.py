from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from imgedit.edits.plan import assign
from imgedit.errors import ConfigError, UnknownWordError
from imgedit.models import library, manifest
from tests import toy_models as models


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return [models.hair(folder / "hair"), models.face(folder / "face")]


def test_an_unknown_word_names_the_nearest_and_the_known_ones(both):
    with pytest.raises(UnknownWordError, match=r"did you mean smiling\?.*blond, brown-hair"):
        assign({"smilling": 1.0}, both)


@pytest.mark.parametrize(
    ("word", "colour"), [("purple", "#800080"), ("purple-hair", "#800080"), ("light-blue", "#add8e6"), ("xyz", "")]
)
def test_a_word_that_is_a_colour_names_the_option_for_colours(both, word, colour):
    with pytest.raises(UnknownWordError) as caught:
        assign({word: 1.0}, both)
    assert caught.value.hint == (f'hair gets a colour of your own by --hair-colour "{colour}"' if colour else "")


@pytest.mark.parametrize("words", [("blond", "black-hair"), ("smiling", "no-smiling")])
def test_contradictory_words_are_refused_by_name(both, words):
    with pytest.raises(ConfigError, match=f"'{words[0]}' and '{words[1]}' contradict"):
        assign(dict.fromkeys(words, 1.0), both)


def test_one_of_several_colours_cannot_be_negated_and_the_others_are_named(both):
    with pytest.raises(ConfigError, match="say one of black-hair, brown-hair, grey-hair"):
        assign({"no-blond": 1.0}, both)


def test_other_spellings_stand_beside_the_first(both):
    assert library.known_words(both)["blond"] == ["blonde"]
    assert library.known_words(both)["eyeglasses"] == ["glasses"]


@pytest.mark.parametrize("word", ["bald", "no-bald", "xyz", "a/b"])
def test_nothing_is_suggested_where_nothing_is_near(both, word):
    with pytest.raises(UnknownWordError) as caught:
        assign({word: 1.0}, both)
    assert "did you mean" not in str(caught.value)
    assert "(known words: black-hair, blond" in str(caught.value)


def test_each_word_goes_to_the_model_that_knows_it_with_its_region_tint_and_guards(both):
    hair, face = assign({"blonde": 0.5, "smiling": 1.0}, both)
    assert [(task.model.id, task.edits[0].region) for task in (hair, face)] == [
        ("stargan_hair.test", "hair"),
        ("stargan_face.test", "face"),
    ]
    assert hair.edits[0].tint == models.TINTS["Blond_Hair"]
    assert hair.edits[0].guards == (models.HAT_STAYS,)
    assert hair.edits[0].strength == 0.5


def test_a_word_and_its_opposite_are_each_as_good_as_the_manifest_says(tmp_path: Path) -> None:
    folder = tmp_path / "age"
    shutil.copytree(library.bundled("age_skin.celeba").folder, folder)
    stated = json.loads((folder / manifest.FILE).read_text())
    stated["words"]["young"]["opposite_quality"] = "experimental"
    (folder / manifest.FILE).write_text(json.dumps(stated))
    young, older = (assign({word: 1.0}, [library.load(folder)])[0] for word in ("young", "no-young"))
    assert (young.edits[0].is_experimental, older.edits[0].is_experimental) == (False, True)


def test_a_negated_word_has_no_tint_and_no_guard_that_would_skip_it(tmp_path):
    model = models.bangs(tmp_path / "bangs")
    plain, negated = (assign({word: 1.0}, [model])[0].edits[0] for word in ("bangs", "no-bangs"))
    assert [guard.then for guard in plain.guards] == ["skip", "skip", "below_hairline"]
    assert [guard.then for guard in negated.guards] == ["below_hairline"]
    assert negated.values == {"Bangs": 0.0}
