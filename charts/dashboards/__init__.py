"""The dashboards for the person on call, from which `make dashboards` writes `charts/fairlead/dashboards`."""
