"""Which files are generated, and from what."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from charts.generate import comments, reference, schema

ROOT: Final = Path(__file__).parents[2]

FILES: Final[Mapping[Path, Callable[[], str]]] = {
    ROOT / "charts" / "fairlead" / "values.yaml": comments.document,
    ROOT / "charts" / "fairlead" / "values.schema.json": schema.document,
    ROOT / "docs" / "reference" / "values.md": reference.document,
}
