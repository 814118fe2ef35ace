"""How the demo model is made: its text, its tokenizer, its network and its training."""
