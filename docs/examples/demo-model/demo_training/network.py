"""The network: a Llama of one million parameters."""

from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

MAXIMUM_LENGTH = 65536
"""Longest context in tokens. Far beyond what is trained: long streams must be possible, not clever."""


def new_network(tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """An untrained network for `tokenizer`; every size is even, so that it can be split over two ranks."""
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=128,
        intermediate_size=384,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=32,
        max_position_embeddings=MAXIMUM_LENGTH,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    network = LlamaForCausalLM(config)
    network.generation_config = GenerationConfig(
        do_sample=True,
        temperature=0.2,
        top_p=0.9,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return network
