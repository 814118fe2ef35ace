"""The tokenizer: byte-level BPE, so that every text can be encoded and comes back unchanged."""

from collections.abc import Iterable
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

END = "<|end|>"
PAD = "<|pad|>"
ROLES = {role: f"<|{role}|>" for role in ("system", "user", "assistant")}
SPECIAL = [END, PAD, *ROLES.values()]


def train_tokenizer(
    texts: Iterable[str], vocabulary: int, maximum_length: int, template: Path
) -> PreTrainedTokenizerFast:
    """Learns a tokenizer of at most `vocabulary` tokens from `texts`; its chat template is the file `template`."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(  # one token per digit: numbers stay readable to a small model
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[AddedToken(token, special=True) for token in SPECIAL],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=END,
        pad_token=PAD,
        model_max_length=maximum_length,
        clean_up_tokenization_spaces=False,
        chat_template=template.read_text(encoding="utf-8"),
    )
