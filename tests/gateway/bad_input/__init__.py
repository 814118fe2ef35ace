"""Bad input, over real sockets: whatever a client sends, it gets a 4xx or an answer, and the next request is served."""
