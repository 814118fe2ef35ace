"""Writes what of the chart `fairlead` comes from the services' own settings: `python -m charts.generate`."""
