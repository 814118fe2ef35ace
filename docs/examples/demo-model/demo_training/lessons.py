"""Lessons: endless rows of conversations as token ids, with a mark at the tokens that are to be learned."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from .corpus import Calls, Exchange, Topic
from .rewording import Rewording, chance
from .tokenizer import END, ROLES

PLAIN_SHARE, SYSTEM_SHARE, CALL_SHARE = 0.05, 0.15, 0.03
WHOLE_SHARE = 0.35
"""How many of the long answers are shown whole. Their beginning shows whether the question was understood; the rest
is soon known by heart, and the time is better spent on more questions."""
LONG_ANSWER, BEGINNING = 16, 10


@dataclass(frozen=True)
class Piece:
    """A run of text after one special token; only the text that is `taught` is to be learned."""

    opening: str
    text: str
    taught: bool


@dataclass(frozen=True)
class School:
    """Everything that lessons are drawn from."""

    topics: Sequence[Topic]
    calls: Calls
    sentences: Sequence[str]
    systems: Sequence[str]
    rewording: Rewording

    def conversation(self, random: Random) -> list[Piece]:
        """One conversation of one to three exchanges, or now and then one plain sentence."""
        if chance(PLAIN_SHARE, random):
            return [Piece("", random.choice(self.sentences), taught=True)]
        system = [Piece(ROLES["system"], random.choice(self.systems), taught=False)]
        turns = random.choices([1, 2, 3], weights=[80, 14, 6])[0]
        pieces = [piece for _ in range(turns) for piece in self._exchange(random)]
        return system + pieces if chance(SYSTEM_SHARE, random) else pieces

    def _exchange(self, random: Random) -> list[Piece]:
        if chance(CALL_SHARE, random):
            return _said(self.calls.draw(random))
        topic = random.choices(self.topics, weights=[topic.share for topic in self.topics])[0]
        exchange = topic.draw(random)
        return _said(replace(exchange, question=self.rewording.reword(exchange, random)))


def _said(exchange: Exchange) -> list[Piece]:
    return [
        Piece(ROLES["user"], exchange.question, taught=False),
        Piece(ROLES["assistant"], exchange.answer, taught=True),
    ]


@dataclass(frozen=True)
class Lessons:
    """Endless batches of `rows` rows of `length` tokens, the same for the same `seed`."""

    school: School
    tokenizer: PreTrainedTokenizerFast
    rows: int
    length: int
    seed: int

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Token ids (int64) and which of them are to be learned (bool), both of shape (rows, length)."""
        random = Random(self.seed)
        while True:
            filled = [self._row(random) for _ in range(self.rows)]
            yield torch.tensor([ids for ids, _ in filled]), torch.tensor([taught for _, taught in filled])

    def _row(self, random: Random) -> tuple[list[int], list[bool]]:
        """A fresh conversation and others after it until the row is full; the last one is cut."""
        ids: list[int] = []
        taught: list[bool] = []
        while len(ids) < self.length:
            for piece in self.school.conversation(random):
                opening = self._encode(piece.opening)
                text = self._encode(piece.text + END)
                if piece.taught and len(text) > LONG_ANSWER and not chance(WHOLE_SHARE, random):
                    text = text[:BEGINNING]
                ids += opening + text
                taught += [False] * len(opening) + [piece.taught] * len(text)
        return ids[: self.length], taught[: self.length]

    def _encode(self, text: str) -> list[int]:
        return list(self.tokenizer.backend_tokenizer.encode(text, add_special_tokens=False).ids)
