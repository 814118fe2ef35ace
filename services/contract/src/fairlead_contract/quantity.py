"""Kubernetes quantities, as far as manifests use them."""

import re
from decimal import Decimal
from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema

from fairlead_contract.mistakes import mistake

_CPU = re.compile(r"^(?P<number>\d+(\.\d+)?)(?P<milli>m?)$")
_MEMORY = re.compile(r"^(?P<number>\d+(\.\d+)?)(?P<unit>Ki|Mi|Gi|Ti|k|M|G|T)?$")
_MEMORY_UNITS = {None: 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12} | {
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
    "Ti": 2**40,
}


def cpu_cores(quantity: str) -> float:
    """Return the cores of a CPU quantity such as 500m."""
    match = _CPU.match(quantity)
    if not match:
        raise ValueError(quantity)
    return float(Decimal(match["number"]) / (1000 if match["milli"] else 1))


def memory_bytes(quantity: str) -> int:
    """Return the bytes of a memory quantity such as 16Gi."""
    match = _MEMORY.match(quantity)
    if not match:
        raise ValueError(quantity)
    return int(Decimal(match["number"]) * _MEMORY_UNITS[match["unit"]])


def _as_cpu(value: object) -> str:
    text = str(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else ""
    if not _CPU.match(text) or cpu_cores(text) <= 0:
        raise mistake(f"is {value!r}", "write cores, such as 4 or 500m")
    return text


def _as_memory(value: object) -> str:
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    if not _MEMORY.match(text) or memory_bytes(text) <= 0:
        raise mistake(f"is {value!r}", "write bytes with a unit, such as 16Gi")
    return text


_QUANTITY_SCHEMA = WithJsonSchema({"x-kubernetes-int-or-string": True})
CpuQuantity = Annotated[str, BeforeValidator(_as_cpu), _QUANTITY_SCHEMA]
MemoryQuantity = Annotated[str, BeforeValidator(_as_memory), _QUANTITY_SCHEMA]
