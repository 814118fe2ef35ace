"""The rule by which answers of the demo model are judged."""

import pytest

from .questions import Question, is_right, load_questions

STOP = Question("How do I stop it?", (("make down", "fairlead down"),))
SCALE = Question("Does it scale?", (("replica*",), ("load", "traffic")))


@pytest.mark.parametrize(
    "question, answer, right",
    [
        (STOP, "Type make down.", True),
        (STOP, "Type fairlead\ndown, please", True),
        (STOP, "MAKE DOWN", True),
        (STOP, "Type make up, then sit down.", False),
        (STOP, "make downtown", False),
        (STOP, "", False),
        (SCALE, "More replicas come with the load.", True),
        (SCALE, "More replicas come.", False),
        (SCALE, "More replicas come with the workload.", False),
    ],
)
def test_an_answer_is_right_when_every_group_has_a_word_in_it(question: Question, answer: str, right: bool) -> None:
    """An answer counts only with one key word of each group, as whole words in any case."""
    assert is_right(question, answer) is right


def test_there_are_twenty_different_questions_with_key_words() -> None:
    """The file holds twenty different questions, and repeating a question does not answer it."""
    questions = load_questions()
    assert len({question.text for question in questions}) == 20
    assert all(question.keywords and all(question.keywords) for question in questions)
    assert not any(is_right(question, question.text) for question in questions)


def test_a_refusal_is_never_right() -> None:
    """A polite refusal answers none of the questions."""
    assert not any(is_right(question, "I do not know.") for question in load_questions())
