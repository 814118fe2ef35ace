"""The `fairlead` command: one machine's whole platform, and the same manifests as in a cluster."""

__version__ = "0.1.0"
