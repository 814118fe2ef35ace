"""What the replica's tests share."""

import importlib
import warnings
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def vllm_engine() -> ModuleType:
    """The module that imports vLLM; loaded once, because it takes seconds, and its libraries warn while they load."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module("fairlead_serving.vllm_engine")
