"""The table of kinds of GPUs."""

from pathlib import Path

import pytest

from fairlead_contract.errors import ManifestError
from fairlead_operator.accelerators import DEFAULT_ACCELERATORS, parse_accelerators
from fairlead_operator.surroundings import read_surroundings
from tests.operator.worlds import SETTINGS

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "accelerators.md"
OWN = """
amd-mi300x:
  nodeLabels: {amd.com/gpu.product-name: [AMD_Instinct_MI300X]}
  tolerations: [{key: amd.com/gpu, operator: Exists}]
  resource: amd.com/gpu
nvidia-l4:
  nodeLabels: {pool: [l4, l4-spot]}
  runtimeClassName: nvidia
"""


def test_a_file_adds_and_replaces() -> None:
    """What a file names is added, or stands for what was known; the rest stays."""
    table = parse_accelerators(OWN, where="accelerators.yaml")

    assert table["amd-mi300x"].resource == "amd.com/gpu"
    assert table["nvidia-l4"].node_labels == {"pool": ("l4", "l4-spot")}
    assert table["nvidia-h200"] == DEFAULT_ACCELERATORS["nvidia-h200"]


def test_an_empty_file_adds_nothing() -> None:
    """A file without a document leaves the table as it is."""
    assert parse_accelerators("", where="accelerators.yaml") == DEFAULT_ACCELERATORS


def test_a_wrong_file_is_refused() -> None:
    """An unknown field is named with its path."""
    with pytest.raises(ManifestError, match=r"accelerators.yaml: nvidia-l4.nodeLabel"):
        parse_accelerators("nvidia-l4: {nodeLabel: {}}", where="accelerators.yaml")


def test_the_settings_name_the_files(tmp_path: Path) -> None:
    """The root of the secrets is read without the white space around it, and the table from its file."""
    root, table = tmp_path / "root", tmp_path / "accelerators.yaml"
    root.write_text(" 00ff \n")
    table.write_text(OWN)

    found = read_surroundings(SETTINGS.model_copy(update={"hop_root_file": root, "accelerators_file": table}))

    assert found.hop_root == b"00ff"
    assert "amd-mi300x" in found.accelerators
    assert "00ff" not in repr(found)


def test_the_page_lists_all() -> None:
    """The reference names every kind that is known, and an example that is taken."""
    page = PAGE.read_text()
    example = page.split("```yaml\n")[1].split("```")[0]

    assert [kind for kind in DEFAULT_ACCELERATORS if f"`{kind}`" not in page] == []
    assert set(parse_accelerators(example, where="the page")) > set(DEFAULT_ACCELERATORS)
