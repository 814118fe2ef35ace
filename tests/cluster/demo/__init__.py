"""The whole platform on a real API server, without containers: `make cluster-demo`, and what `make test-cluster` runs on."""
