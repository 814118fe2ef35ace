"""Fixtures around the folder of the demo model."""

import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "examples" / "demo-model"
sys.path.insert(0, str(FOLDER))  # the training code is a script with its modules beside it, not an installed package


@pytest.fixture(scope="session")
def demo_folder() -> Path:
    """The folder with the demo model's text, training code and weights."""
    return FOLDER
