"""Fairlead's replica: Ray Serve places and supervises it, vLLM answers in it."""
