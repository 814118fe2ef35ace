"""The objects that a ModelDeployment becomes, one module each. Pure: JSON as the API server takes it."""
