"""What a request may hold, checked before any of it reaches an engine."""
