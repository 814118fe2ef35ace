"""Other ways to type the same question: other words, missing words, idle words, typing errors, politeness, case."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from .corpus import Exchange, read_yaml

LONG_WORD = 5
WORD = re.compile(r"[A-Za-z']+")


@dataclass(frozen=True)
class Rewording:
    """The vocabulary of `wordings.yaml`, and how it turns one question into many.

    `beginnings` and `synonyms` map a beginning or word, in lower case, to those that may stand for it.
    """

    beginnings: Mapping[str, Sequence[str]]
    synonyms: Mapping[str, Sequence[str]]
    droppable: frozenset[str]
    fillers: Sequence[str]
    openers: Sequence[str]
    closers: Sequence[str]

    def reword(self, exchange: Exchange, random: Random) -> str:
        """The question of `exchange` as another person would type it."""
        question, fixed = exchange.question, exchange.fixed
        if chance(0.5, random):
            question = self._begin_otherwise(question, random)
        if chance(0.45, random):
            question = self._replace_words(question, fixed, random)
        if chance(0.4, random):
            question = self._drop_words(question, fixed, random)
        if chance(0.35, random):
            question = self._put_in(question, random)
        if chance(0.08, random):
            question = _mistype(question, fixed, random)
        return _recase(self._frame(_punctuate(question, random), random), random)

    def _begin_otherwise(self, question: str, random: Random) -> str:
        words = question.split()
        for length in range(min(5, len(words) - 1), 0, -1):
            others = self.beginnings.get(" ".join(words[:length]).lower())
            if others:
                return " ".join([random.choice(others), *words[length:]])
        return question

    def _replace_words(self, question: str, fixed: frozenset[str], random: Random) -> str:
        def other(match: re.Match[str]) -> str:
            word = match[0].lower()
            group = self.synonyms.get(word) if word not in fixed else None
            return random.choice(group) if group and chance(0.5, random) else match[0]

        return WORD.sub(other, question)

    def _drop_words(self, question: str, fixed: frozenset[str], random: Random) -> str:
        """Small words go often, others seldom, the fixed ones never."""

        def stays(word: str) -> bool:
            bare = word.lower().strip("?.!,")
            return bare in fixed or not chance(0.4 if bare in self.droppable else 0.08, random)

        kept = [word for word in question.split() if stays(word)]
        return " ".join(kept) if kept else question

    def _put_in(self, question: str, random: Random) -> str:
        words = question.split()
        for _ in range(random.choice([1, 1, 2])):
            words.insert(random.randint(0, len(words)), random.choice(self.fillers))
        return " ".join(words)

    def _frame(self, question: str, random: Random) -> str:
        if chance(0.3, random):
            question = f"{random.choice(self.openers)}{_gap(random)}{_lower_first(question)}"
        if chance(0.1, random):
            question = f"{question}{_gap(random)}{random.choice(self.closers)}"
        return question


def load_rewording(folder: Path) -> Rewording:
    """The rewording that `folder/wordings.yaml` describes."""
    text = read_yaml(folder / "wordings.yaml")
    return Rewording(
        beginnings=_by_member(text["beginnings"]),
        synonyms=_by_member(text["synonyms"]),
        droppable=frozenset(text["droppable"]),
        fillers=text["fillers"],
        openers=text["openers"],
        closers=text["closers"],
    )


def chance(share: float, random: Random) -> bool:
    """True in `share` of all cases."""
    return random.random() < share


def _by_member(groups: Sequence[Sequence[str]]) -> dict[str, Sequence[str]]:
    """Each member of a group, in lower case, with its group; where it is in two, the first counts."""
    return {member.lower(): group for group in reversed(groups) for member in group}


def _gap(random: Random) -> str:
    return "\n" if chance(0.1, random) else " "


def _lower_first(text: str) -> str:
    """Lower case at the start, unless the first word is an abbreviation in capitals."""
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]


def _mistype(text: str, fixed: frozenset[str], random: Random) -> str:
    """Two neighbouring letters of one longer word change places."""
    long_words = [
        match for match in WORD.finditer(text) if len(match[0]) >= LONG_WORD and match[0].lower() not in fixed
    ]
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
