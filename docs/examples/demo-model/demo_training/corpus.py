"""The training text: topics with their questions and answers, read from the folder `corpus/`."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import yaml


@dataclass(frozen=True)
class Exchange:
    """One question and its answer; the words in `fixed` (lower case) must stay, since the answer hangs on them."""

    question: str
    answer: str
    fixed: frozenset[str]


@dataclass(frozen=True)
class Topic:
    """Differently worded questions that share their answers.

    `asked` was written for this topic, `about` are the general wordings with each of its `names`. `facts` fill the
    braces of questions and answers (one mapping per row of a table; one empty mapping where there is no table).
    `share` is how often the topic is drawn, relative to a topic of share 1.
    """

    name: str
    names: tuple[str, ...]
    asked: tuple[str, ...]
    about: tuple[str, ...]
    answers: tuple[str, ...]
    facts: tuple[Mapping[str, str], ...]
    share: float

    def exchanges(self) -> Iterator[Exchange]:
        """Every question with every answer that fits it."""
        for fact in self.facts:
            for question in (*self.asked, *self.about):
                for answer in self.answers:
                    yield self._exchange(question, answer, fact)

    def draw(self, random: Random) -> Exchange:
        """One exchange by chance; a question of its own is as likely as a general wording."""
        kinds = [kind for kind in (self.asked, self.about) if kind]
        question = random.choice(random.choice(kinds))
        return self._exchange(question, random.choice(self.answers), random.choice(self.facts))

    def _exchange(self, question: str, answer: str, fact: Mapping[str, str]) -> Exchange:
        fixed = " ".join([*self.names, *fact.values()]).lower().split()
        return Exchange(question.format_map(fact), answer.format_map(fact), frozenset(fixed))


@dataclass(frozen=True)
class Calls:
    """Requests whose answer is forced to be a tool's arguments: `asked` with braces for a name and a value of it."""

    asked: tuple[str, ...]
    names: tuple[str, ...]
    values: tuple[str, ...]

    def draw(self, random: Random) -> Exchange:
        """One request by chance, with one or two texts as the arguments of its answer; the first is what was asked."""
        names = random.sample(self.names, random.choice([1, 1, 2]))
        arguments = {name: random.choice(self.values) for name in names}
        question = random.choice(self.asked).format(name=names[0], value=arguments[names[0]])
        return Exchange(question, json.dumps(arguments), frozenset())


def load_topics(folder: Path) -> list[Topic]:
    """All topics of the YAML files in `folder/topics`, in a fixed order."""
    wordings = read_yaml(folder / "wordings.yaml")["about_a_name"]
    files = sorted((folder / "topics").glob("*.yaml"))
    return [_topic(entry, wordings) for file in files for entry in read_yaml(file)]


def load_calls(folder: Path) -> Calls:
    """The calls of `calls.yaml`."""
    entry = read_yaml(folder / "calls.yaml")
    return Calls(tuple(entry["ask"]), tuple(map(str, entry["names"])), tuple(map(str, entry["values"])))


def load_sentences(folder: Path) -> list[str]:
    """The plain sentences of `sentences.txt`, one per line."""
    lines = (folder / "sentences.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def read_yaml(file: Path) -> Any:  # noqa: ANN401 (each file has its own shape)
    """The content of one YAML file."""
    return yaml.safe_load(file.read_text(encoding="utf-8"))


def _topic(entry: dict[str, Any], wordings: list[str]) -> Topic:
    names = tuple(entry.get("called", []))
    rows = [dict(zip(entry["columns"], map(str, row), strict=True)) for row in entry.get("rows", [])]
    return Topic(
        name=entry["topic"],
        names=names,
        asked=tuple(entry.get("ask", [])),
        about=tuple(wording.format(name=name) for name in names for wording in wordings),
        answers=tuple(entry["answer"]),
        facts=tuple(rows or [{}]),
        share=entry.get("share", 1.0),
    )
