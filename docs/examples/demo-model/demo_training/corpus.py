"""The training text: topics with their questions and answers, read from the folder `corpus/`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import yaml


@dataclass(frozen=True)
class Exchange:
    """One question and the answer that belongs to it."""

    question: str
    answer: str


@dataclass(frozen=True)
class Topic:
    """Differently worded questions that share their answers.

    `facts` fill the braces of questions and answers (one mapping per row of a table); a topic without a table has one
    empty fact. `share` is how often the topic is drawn, relative to a topic of share 1.
    """

    name: str
    questions: tuple[str, ...]
    answers: tuple[str, ...]
    facts: tuple[Mapping[str, str], ...]
    share: float

    def exchanges(self) -> Iterator[Exchange]:
        """Every question with every answer that fits it."""
        for fact in self.facts:
            for question in self.questions:
                for answer in self.answers:
                    yield Exchange(question.format_map(fact), answer.format_map(fact))

    def draw(self, random: Random) -> Exchange:
        """One exchange by chance."""
        fact = random.choice(self.facts)
        question, answer = random.choice(self.questions), random.choice(self.answers)
        return Exchange(question.format_map(fact), answer.format_map(fact))


def load_topics(folder: Path) -> list[Topic]:
    """All topics of the YAML files in `folder/topics`, in a fixed order."""
    about = _read(folder / "wordings.yaml")["about_a_name"]
    files = sorted((folder / "topics").glob("*.yaml"))
    return [_topic(entry, about) for file in files for entry in _read(file)]


def load_sentences(folder: Path) -> list[str]:
    """The plain sentences of `sentences.txt`, one per line."""
    lines = (folder / "sentences.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def _topic(entry: dict[str, Any], about: list[str]) -> Topic:
    """A topic from its YAML entry; every name under `called` is asked about in all the general wordings."""
    named = [wording.format(name=name) for name in entry.get("called", []) for wording in about]
    rows = [dict(zip(entry["columns"], map(str, row), strict=True)) for row in entry.get("rows", [])]
    return Topic(
        name=entry["topic"],
        questions=tuple([*entry.get("ask", []), *named]),
        answers=tuple(entry["answer"]),
        facts=tuple(rows or [{}]),
        share=entry.get("share", 1.0),
    )


def _read(file: Path) -> Any:
    return yaml.safe_load(file.read_text(encoding="utf-8"))
