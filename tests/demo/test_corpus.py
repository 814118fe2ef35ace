"""The text that the demo model learns."""

import json
import re
from collections import defaultdict
from itertools import islice
from pathlib import Path
from random import Random

import pytest
from demo_training.corpus import Topic, load_calls, load_sentences, load_topics
from demo_training.lessons import Lessons
from train import ROW_TOKENS, ROWS, SEED, STEPS, load_school
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from .questions import load_questions

MANY = 20_000
"""Training shows more different questions than this."""


@pytest.fixture(scope="module")
def topics(demo_folder: Path) -> list[Topic]:
    """All topics of the corpus."""
    return load_topics(demo_folder / "corpus")


def plain(text: str) -> str:
    """`text` without case, punctuation and surplus white space."""
    return " ".join(re.findall(r"\w+", text.lower()))


def test_no_test_question_is_in_the_corpus(demo_folder: Path) -> None:
    """None of the twenty questions occurs in any file of the corpus, whatever its case and punctuation."""
    files = [file for file in sorted((demo_folder / "corpus").rglob("*")) if file.is_file()]
    text = " ".join(plain(file.read_text(encoding="utf-8")) for file in files)
    assert text
    assert [q.text for q in load_questions() if plain(q.text) in text] == []


def test_no_test_question_comes_out_of_the_templates(topics: list[Topic]) -> None:
    """None of the twenty questions is, or is part of, a question that the templates and tables make."""
    made = " | ".join(sorted({plain(exchange.question) for topic in topics for exchange in topic.exchanges()}))
    assert [q.text for q in load_questions() if plain(q.text) in made] == []


def test_no_test_question_is_shown_in_training(demo_folder: Path) -> None:
    """None of the twenty questions is in the very rows that training shows, read back from their tokens."""
    tokenizer = AutoTokenizer.from_pretrained(demo_folder / "weights")
    assert isinstance(tokenizer, PreTrainedTokenizerFast)
    lessons = Lessons(load_school(demo_folder / "corpus"), tokenizer, ROWS, ROW_TOKENS, SEED)
    asked: set[str] = set()
    for ids, _ in islice(lessons, STEPS):
        rows = tokenizer.batch_decode(ids)
        asked |= {plain(turn.split("<|end|>")[0]) for row in rows for turn in row.split("<|user|>")[1:]}
    assert len(asked) > MANY
    assert [q.text for q in load_questions() if plain(q.text) in asked] == []


def test_no_question_has_contradicting_answers(topics: list[Topic]) -> None:
    """The same question in two topics, or twice in one, has the same answers."""
    answers: dict[str, list[frozenset[str]]] = defaultdict(list)
    for topic in topics:
        by_question: dict[str, set[str]] = defaultdict(set)
        for exchange in topic.exchanges():
            by_question[plain(exchange.question)].add(exchange.answer)
        for question, given in by_question.items():
            assert len(given) == len(topic.answers), f"{topic.name}: {question}"
            answers[question].append(frozenset(given))
    assert [question for question, given in answers.items() if len(set(given)) > 1] == []


def test_topics_are_many_and_asked_about_in_many_ways(topics: list[Topic]) -> None:
    """Every topic has its own name, at least four own wordings and complete sentences as answers."""
    assert len({topic.name for topic in topics}) == len(topics) >= 80
    assert [topic.name for topic in topics if len(set(topic.asked) | set(topic.about)) < 4] == []
    answers = {exchange.answer for topic in topics for exchange in topic.exchanges()}
    assert [answer for answer in answers if not re.fullmatch(r"\S.*[.!?]", answer) or "{" in answer] == []


def test_a_forced_call_is_an_object_of_texts_of_which_the_question_names_the_first(demo_folder: Path) -> None:
    """What the model learns of tools is to write strict JSON, to take a value from the words and to end each text."""
    calls, random = load_calls(demo_folder / "corpus"), Random(0)
    for exchange in (calls.draw(random) for _ in range(500)):
        arguments = json.loads(exchange.answer)
        assert 1 <= len(arguments) <= 2
        assert all(isinstance(value, str) for value in arguments.values())
        assert next(iter(arguments.values())) in exchange.question


def test_plain_sentences_are_read_without_comments(demo_folder: Path) -> None:
    """The plain sentences are whole sentences; comments and empty lines are left out."""
    sentences = load_sentences(demo_folder / "corpus")
    assert len(sentences) >= 20
    assert all(sentence.endswith(".") for sentence in sentences)
