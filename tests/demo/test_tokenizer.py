"""The demo model's tokenizer and chat template."""

from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer, PreTrainedTokenizerFast

TEXTS = [
    "Hello, world!",
    "  two  spaces\n\ttab\r\n",
    "Ünïcödé «naïve»",
    "你好世界",
    "🚀🧑🏽‍🚀",
    "a\u0000b\u200dc",
    "12345 + 67",
    "",
]


@pytest.fixture(scope="module")
def tokenizer(demo_folder: Path) -> PreTrainedTokenizerFast:
    """The committed tokenizer."""
    loaded = AutoTokenizer.from_pretrained(demo_folder / "weights")
    assert isinstance(loaded, PreTrainedTokenizerFast)
    return loaded


@pytest.mark.parametrize("text", TEXTS)
def test_every_text_comes_back_unchanged(tokenizer: PreTrainedTokenizerFast, text: str) -> None:
    """Encoding and decoding returns the same text, whatever characters it has."""
    assert tokenizer.decode(tokenizer.encode(text, add_special_tokens=False)) == text


def test_every_character_block_comes_back_unchanged(tokenizer: PreTrainedTokenizerFast) -> None:
    """A sample over all of Unicode survives the round trip."""
    text = "".join(chr(code) for code in range(1, 0x110000, 997) if not 0xD800 <= code <= 0xDFFF)
    assert tokenizer.decode(tokenizer.encode(text, add_special_tokens=False)) == text


def test_the_template_writes_every_role_and_asks_for_an_answer(tokenizer: PreTrainedTokenizerFast) -> None:
    """System, user and assistant messages keep their order, and the generation prompt opens the next answer."""
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Hi."},
        {"role": "user", "content": " Who are you? "},
    ]
    turns = "<|system|>Be brief.<|end|><|user|>Hello<|end|><|assistant|>Hi.<|end|><|user|>Who are you?<|end|>"
    assert tokenizer.apply_chat_template(messages, tokenize=False) == turns
    asked = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    assert asked == turns + "<|assistant|>"


@pytest.mark.parametrize(
    "content, text",
    [
        ([{"type": "text", "text": "Who are "}, {"type": "text", "text": "you?"}], "Who are you?"),
        ([{"type": "image_url", "image_url": {"url": "x"}}, {"type": "text", "text": "Hi"}], "Hi"),
        (None, ""),
    ],
)
def test_the_template_takes_content_in_parts(tokenizer: PreTrainedTokenizerFast, content: Any, text: str) -> None:
    """Content may be a list of parts, of which the text counts, or missing."""
    messages = [{"role": "user", "content": content}]
    assert tokenizer.apply_chat_template(messages, tokenize=False) == f"<|user|>{text}<|end|>"


@pytest.mark.parametrize("role, written", [("developer", "system"), ("tool", "user")])
def test_other_roles_become_one_of_the_three(tokenizer: PreTrainedTokenizerFast, role: str, written: str) -> None:
    """Developer messages are system messages; the results of tools are read like the user's words."""
    messages = [{"role": role, "content": "Hi"}]
    assert tokenizer.apply_chat_template(messages, tokenize=False) == f"<|{written}|>Hi<|end|>"


def test_special_tokens_are_single_tokens(tokenizer: PreTrainedTokenizerFast) -> None:
    """Each mark of the template is one token, and the end mark is the end of sequence."""
    for mark in ("<|system|>", "<|user|>", "<|assistant|>", "<|end|>"):
        assert len(tokenizer.encode(mark, add_special_tokens=False)) == 1
    assert tokenizer.eos_token == "<|end|>"
