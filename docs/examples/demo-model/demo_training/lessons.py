"""Lessons: endless rows of conversations as token ids, with the weight of each token in the loss."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from .corpus import Topic
from .rewording import Rewording
from .tokenizer import END, ROLES

ANSWER_WEIGHT = 1.0
QUESTION_WEIGHT = 0.05  # enough to learn what questions look like; the capacity belongs to the answers


@dataclass(frozen=True)
class Piece:
    """A run of text after one special token; `weight` is how much its tokens count in the loss."""

    opening: str
    text: str
    weight: float


@dataclass(frozen=True)
class School:
    """Everything that lessons are drawn from."""

    topics: Sequence[Topic]
    sentences: Sequence[str]
    systems: Sequence[str]
    rewording: Rewording

    def conversation(self, random: Random) -> list[Piece]:
        """One conversation of one to three exchanges, or now and then one plain sentence."""
        if random.random() < 0.06:
            return [Piece("", random.choice(self.sentences), ANSWER_WEIGHT)]
        system = [Piece(ROLES["system"], random.choice(self.systems), 0.0)] if random.random() < 0.15 else []
        turns = random.choices([1, 2, 3], weights=[80, 14, 6])[0]
        return system + [piece for _ in range(turns) for piece in self._exchange(random)]

    def _exchange(self, random: Random) -> list[Piece]:
        topic = random.choices(self.topics, weights=[topic.share for topic in self.topics])[0]
        exchange = topic.draw(random)
        question = self.rewording.reword(exchange, random)
        return [
            Piece(ROLES["user"], question, QUESTION_WEIGHT),
            Piece(ROLES["assistant"], exchange.answer, ANSWER_WEIGHT),
        ]


def batches(
    school: School, tokenizer: PreTrainedTokenizerFast, rows: int, length: int, seed: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Endless batches: token ids (int64) and loss weights (float32), both of shape (rows, length).

    A row starts with a fresh conversation and goes on with others until it is full; the last one is cut.
    """
    random = Random(seed)
    while True:
        filled = [_row(school, tokenizer, length, random) for _ in range(rows)]
        yield torch.tensor([ids for ids, _ in filled]), torch.tensor([weights for _, weights in filled])


def _row(
    school: School, tokenizer: PreTrainedTokenizerFast, length: int, random: Random
) -> tuple[list[int], list[float]]:
    ids: list[int] = []
    weights: list[float] = []
    while len(ids) < length:
        for piece in school.conversation(random):
            opening = tokenizer.encode(piece.opening, add_special_tokens=False)
            closing = tokenizer.encode(piece.text + END, add_special_tokens=False)
            ids += opening + closing
            weights += [0.0] * len(opening) + [piece.weight] * len(closing)
    return ids[:length], weights[:length]
