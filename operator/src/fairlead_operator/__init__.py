"""Fairlead's operator: reconciles ModelDeployments into RayServices."""
