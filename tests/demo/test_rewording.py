"""How one question becomes many."""

import re
from pathlib import Path
from random import Random

import pytest
from demo_training.corpus import Exchange
from demo_training.rewording import Rewording, load_rewording

CAPITAL = Exchange("What is the capital of New Zealand?", "Wellington.", frozenset({"new", "zealand"}))


@pytest.fixture(scope="module")
def rewording(demo_folder: Path) -> Rewording:
    """The rewording that training uses."""
    return load_rewording(demo_folder / "corpus")


def test_rewording_is_varied_and_repeatable(rewording: Rewording) -> None:
    """The same seed gives the same wordings, and many different ones."""
    first, second = ([rewording.reword(CAPITAL, random) for _ in range(200)] for random in (Random(7), Random(7)))
    assert first == second
    assert len(set(first)) > 100


def test_the_words_that_the_answer_hangs_on_stay(rewording: Rewording) -> None:
    """Neither synonyms nor omissions nor typing errors touch the fixed words."""
    random = Random(3)
    wordings = [set(re.findall(r"\w+", rewording.reword(CAPITAL, random).lower())) for _ in range(2000)]
    assert all(wording >= CAPITAL.fixed for wording in wordings)


def test_no_wording_is_empty(rewording: Rewording) -> None:
    """A question of small words only is not dropped as a whole."""
    random = Random(5)
    question = Exchange("Is it on?", "Yes.", frozenset())
    assert all(rewording.reword(question, random).strip(" ?.!") for _ in range(2000))
