import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests"


def python_files(*folders: str) -> Iterator[Path]:
    """Return every Python file of some top-level folders."""
    for folder in folders:
        yield from (ROOT / folder).rglob("*.py")


@pytest.mark.parametrize("folder", ["operator", "services"])
def test_no_folder_shadows_the_standard_library(folder: str) -> None:
    """A top-level folder is no package, or `import operator` would find it instead of Python's own."""
    assert not (ROOT / folder / "__init__.py").exists()


def test_every_test_states_a_behaviour() -> None:
    """Every test has a docstring of one sentence."""
    silent = []
    for file in TESTS.rglob("test_*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                sentence = " ".join((ast.get_docstring(node) or "").split())
                if not sentence.endswith(".") or ". " in sentence.replace("e.g. ", ""):
                    silent.append(f"{file.relative_to(ROOT)}:{node.lineno} {node.name}: {sentence!r}")

    assert silent == []


def test_every_test_folder_is_a_package() -> None:
    """Every folder with tests has an `__init__.py`, so that equal file names do not collide."""
    folders = {file.parent for file in TESTS.rglob("*.py")}

    assert [folder for folder in folders if not (folder / "__init__.py").exists()] == []


def test_the_environment_is_read_in_settings_only() -> None:
    """The gateway reads its environment in one module."""
    readers = [
        file.name
        for file in python_files("services/gateway/src")
        if re.search(r"os\.(environ|getenv)", file.read_text()) and file.name != "settings.py"
    ]

    assert readers == []


def test_vllm_is_imported_in_few_modules() -> None:
    """The replica knows vLLM through one module; beside it only the script that lists vLLM's request fields does."""
    importers = {
        file.name
        for file in python_files("services")
        if re.search(r"^\s*(from|import) vllm\b", file.read_text(), re.MULTILINE)
    }

    assert importers == {"vllm_engine.py", "request_fields.py"}


def test_requirements_name_no_index() -> None:
    """The pinned files name packages and versions, and no address of a registry."""
    for file in (ROOT / "requirements").glob("*.txt"):
        for line in file.read_text().splitlines():
            assert re.match(r"^(#.*|-e \./(services/)?\w+|[A-Za-z0-9._-]+(\[[a-z,-]+\])?(==\S+)?( ?;.*)?)$", line), line


def test_the_readme_names_real_commands() -> None:
    """Every `make` target that the documents name exists."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {
        target
        for document in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
        for target in re.findall(r"(?:^|`)make ([a-z]+(?:-[a-z]+)*)\b", document.read_text(), re.MULTILINE)
    }

    assert {"up", "down", "test"} <= named
    assert named <= targets
