"""One thin module per command: parse, call one thing, render."""
