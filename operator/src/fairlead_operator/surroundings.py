"""What the operator is given when it starts, read once: its settings and the files that they name."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from fairlead_operator.accelerators import DEFAULT_ACCELERATORS, Accelerator, parse_accelerators
from fairlead_operator.settings import Settings


@dataclass(frozen=True, slots=True)
class Surroundings:
    """All that plans are made of besides what is seen."""

    settings: Settings
    hop_root: bytes = field(repr=False)
    """The root of the models' secrets."""

    accelerators: Mapping[str, Accelerator] = DEFAULT_ACCELERATORS


def read_surroundings(settings: Settings) -> Surroundings:
    """Read the files that the settings name.

    Raises:
        OSError: One cannot be read.
        ManifestError: The file of accelerators is wrong; one line per mistake.
    """
    file = settings.accelerators_file
    accelerators = parse_accelerators(file.read_text(), where=str(file)) if file else DEFAULT_ACCELERATORS
    return Surroundings(settings, settings.hop_root_file.read_bytes().strip(), accelerators)
