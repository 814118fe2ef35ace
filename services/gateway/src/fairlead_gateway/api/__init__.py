"""What the gateway answers itself, as FastAPI routes; inference goes past it."""
