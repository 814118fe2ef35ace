"""Other ways to type the same question: politeness, synonyms, missing small words, typing errors, case."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from .corpus import Exchange, read_yaml

WORD = re.compile(r"[A-Za-z']+")


@dataclass(frozen=True)
class Rewording:
    """The vocabulary of `wordings.yaml` and the chances with which it is used."""

    openers: Sequence[str]
    closers: Sequence[str]
    droppable: frozenset[str]
    synonyms: Mapping[str, Sequence[str]]

    def reword(self, exchange: Exchange, random: Random) -> str:
        """The question of `exchange` as another person would type it."""
        question, fixed = exchange.question, exchange.fixed
        if random.random() < 0.4:
            question = self._replace_words(question, fixed, random)
        if random.random() < 0.25:
            question = self._drop_words(question, fixed, random)
        if random.random() < 0.1:
            question = _mistype(question, fixed, random)
        question = _punctuate(question, random)
        if random.random() < 0.3:
            question = f"{random.choice(self.openers)} {_lower_first(question)}"
        if random.random() < 0.1:
            question = f"{question} {random.choice(self.closers)}"
        return _recase(question, random)

    def _replace_words(self, question: str, fixed: frozenset[str], random: Random) -> str:
        def other(match: re.Match[str]) -> str:
            word = match[0].lower()
            group = self.synonyms.get(word) if word not in fixed else None
            return random.choice(group) if group and random.random() < 0.5 else match[0]

        return WORD.sub(other, question)

    def _drop_words(self, question: str, fixed: frozenset[str], random: Random) -> str:
        droppable = self.droppable - fixed
        kept = [word for word in question.split() if word.lower() not in droppable or random.random() < 0.6]
        return " ".join(kept) if kept else question


def load_rewording(folder: Path) -> Rewording:
    """The rewording that `folder/wordings.yaml` describes."""
    text = read_yaml(folder / "wordings.yaml")
    synonyms = {word: group for group in text["synonyms"] for word in group}
    return Rewording(text["openers"], text["closers"], frozenset(text["droppable"]), synonyms)


def _lower_first(text: str) -> str:
    """Lower case at the start, unless the first word is a name or an abbreviation in capitals."""
    second = text[1:2]
    return text if second.isupper() else text[:1].lower() + text[1:]


def _mistype(text: str, fixed: frozenset[str], random: Random) -> str:
    """Two neighbouring letters of one longer word change places."""
    long_words = [match for match in WORD.finditer(text) if len(match[0]) > 4 and match[0].lower() not in fixed]
    if not long_words:
        return text
    word = random.choice(long_words)
    at = random.randrange(word.start() + 1, word.end() - 1)
    return text[:at] + text[at + 1] + text[at] + text[at + 2 :]


def _punctuate(text: str, random: Random) -> str:
    """A final question mark or full stop is kept, left out or changed."""
    bare = text.rstrip("?.!")
    return random.choices([text, bare, bare + "?", bare + ".", bare + "??"], weights=[55, 25, 10, 7, 3])[0]


def _recase(text: str, random: Random) -> str:
    return random.choices([text, text.lower(), text.upper(), text.capitalize()], weights=[60, 33, 2, 5])[0]
