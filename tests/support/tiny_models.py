"""Tiny models of the kinds that the demo model is not: made in seconds, with random weights from a fixed seed.

Their architectures are those of the models that people use, at a thousandth of the size: an embedding model and a
reranker as BERT has them, a speech recogniser as Whisper has it. What they answer means nothing; that it is always the
same does.
"""

import string
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from tokenizers.pre_tokenizers import ByteLevel
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertModel,
    BertTokenizer,
    PreTrainedModel,
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperForConditionalGeneration,
    WhisperProcessor,
    WhisperTokenizer,
)
from transformers.models.whisper.tokenization_whisper import LANGUAGES

SEED = 20
DIMENSIONS = 32
TIMESTAMPS = 1501
"""From <|0.00|> to <|30.00|>."""


def embedder(folder: Path) -> Path:
    """Write an embedding model to a folder and return it."""
    return _bert(BertModel, folder)


def reranker(folder: Path) -> Path:
    """Write a cross-encoder with one score to a folder and return it."""
    return _bert(BertForSequenceClassification, folder, num_labels=1)


def whisper(folder: Path) -> Path:
    """Write a speech recogniser to a folder and return it."""
    tokenizer = _whisper_tokenizer(folder)
    end, start = (_id(tokenizer, word) for word in ("<|endoftext|>", "<|startoftranscript|>"))
    features = WhisperFeatureExtractor(feature_size=16, chunk_length=30)
    config = WhisperConfig(
        vocab_size=len(tokenizer),
        num_mel_bins=16,
        d_model=DIMENSIONS,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=1,
        decoder_attention_heads=1,
        encoder_ffn_dim=2 * DIMENSIONS,
        decoder_ffn_dim=2 * DIMENSIONS,
        max_source_positions=1500,
        max_target_positions=64,
        bos_token_id=end,
        eos_token_id=end,
        pad_token_id=end,
        decoder_start_token_id=start,
        begin_suppress_tokens=None,
    )
    torch.manual_seed(SEED)
    model = WhisperForConditionalGeneration(config)
    model.save_pretrained(folder)
    WhisperProcessor(features, tokenizer).save_pretrained(folder)
    return folder


def _bert(kind: type[PreTrainedModel], folder: Path, **settings: Any) -> Path:
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    letters = string.ascii_lowercase + string.digits + string.punctuation
    words += [*letters, *(f"##{letter}" for letter in letters)]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(words), encoding="utf-8")
    BertTokenizer(vocab={word: index for index, word in enumerate(words)}).save_pretrained(folder)
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=DIMENSIONS,
        num_hidden_layers=2,
        num_attention_heads=1,  # of 32 dimensions, the fewest that attention on CPUs has
        intermediate_size=2 * DIMENSIONS,
        max_position_embeddings=256,
        pad_token_id=0,
        **settings,
    )
    torch.manual_seed(SEED)
    kind(config).save_pretrained(folder)
    return folder


def _whisper_tokenizer(folder: Path) -> WhisperTokenizer:
    """Whisper's own kind of tokenizer with a token per byte and all of its special tokens."""
    vocabulary = {character: index for index, character in enumerate(sorted(ByteLevel.alphabet()))}
    tokenizer = WhisperTokenizer(vocab=vocabulary, merges=[], unk_token="<|endoftext|>")
    tokenizer.add_special_tokens({"additional_special_tokens": list(_whisper_special_tokens())})
    tokenizer.add_tokens([f"<|{0.02 * step:.2f}|>" for step in range(TIMESTAMPS)])
    return tokenizer


def _id(tokenizer: WhisperTokenizer, word: str) -> int:
    found = tokenizer.convert_tokens_to_ids(word)
    assert isinstance(found, int)
    return found


def _whisper_special_tokens() -> Iterator[str]:
    yield from ("<|endoftext|>", "<|startoftranscript|>")
    yield from (f"<|{language}|>" for language in LANGUAGES)
    yield from (
        "<|translate|>",
        "<|transcribe|>",
        "<|startoflm|>",
        "<|startofprev|>",
        "<|nospeech|>",
        "<|notimestamps|>",
    )


def main(folder: Path) -> None:
    """Write all of them below a folder."""
    for make in (embedder, reranker, whisper):
        make(folder / make.__name__)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
