"""The whole platform on a real API server, without containers, for people and for tests."""
