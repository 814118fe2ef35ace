"""The gateway: one authenticated API in front of every model."""
