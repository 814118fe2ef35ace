"""The gateway in a Kubernetes cluster: what it serves, and to whom, comes from watches of the API server."""
