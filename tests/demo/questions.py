"""The twenty questions that the demo model must answer, and when an answer counts as right."""

import re
from dataclasses import dataclass
from pathlib import Path

import yaml

FILE = Path(__file__).parent / "questions.yaml"


@dataclass(frozen=True)
class Question:
    """One question; of every group in `keywords` at least one must be in the answer."""

    text: str
    keywords: tuple[tuple[str, ...], ...]


def load_questions(file: Path = FILE) -> list[Question]:
    """The questions of `file`, in its order."""
    entries = yaml.safe_load(file.read_text(encoding="utf-8"))
    return [Question(e["question"], tuple(tuple(group) for group in e["keywords"])) for e in entries]


def is_right(question: Question, answer: str) -> bool:
    """Whether `answer` holds a key word of every group: whole words, any case; a final `*` stands for any ending."""
    return all(any(_holds(answer, keyword) for keyword in group) for group in question.keywords)


def _holds(answer: str, keyword: str) -> bool:
    stem, ending = (keyword[:-1], r"\w*") if keyword.endswith("*") else (keyword, "")
    words = r"\s+".join(re.escape(word) for word in stem.split())
    return re.search(rf"(?<!\w){words}{ending}(?!\w)", answer, re.IGNORECASE) is not None
