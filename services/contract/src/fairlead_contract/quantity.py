"""Kubernetes quantities, as far as manifests use them."""

import math
import re
from decimal import Decimal
from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema

from fairlead_contract.cel import rule, rules
from fairlead_contract.mistakes import mistake

# The API server checks the same forms, with RE2.
_CPU = re.compile(r"^(?P<number>[0-9]+(\.[0-9]+)?)(?P<milli>m?)$")
_MEMORY = re.compile(r"^(?P<number>[0-9]+(\.[0-9]+)?)(?P<unit>Ki|Mi|Gi|Ti|k|M|G|T)?$")
_CPU_REMEDY = "write cores, such as 4 or 500m"
_MEMORY_REMEDY = "write bytes with a unit, such as 16Gi"
_MEMORY_UNITS = {None: 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12} | {
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
    "Ti": 2**40,
}


def cpu_cores(quantity: str) -> float:
    """Return the cores of a CPU quantity such as 500m."""
    match = _CPU.fullmatch(quantity)
    if not match:
        raise ValueError(quantity)
    return float(Decimal(match["number"]) / (1000 if match["milli"] else 1))


def memory_bytes(quantity: str) -> int:
    """Return the bytes of a memory quantity such as 16Gi."""
    match = _MEMORY.fullmatch(quantity)
    if not match:
        raise ValueError(quantity)
    return int(Decimal(match["number"]) * _MEMORY_UNITS[match["unit"]])


def cpu_quantity(cores: float) -> str:
    """Return cores as Kubernetes writes them, to a thousandth, rounded up."""
    millicores = math.ceil(round(cores * 1000, 6))
    return f"{millicores}m" if millicores % 1000 else str(millicores // 1000)


def memory_quantity(number: int) -> str:
    """Return bytes as Kubernetes writes them, in the largest unit that says them exactly."""
    unit = next(unit for unit in ("Gi", "Mi", "Ki", None) if number % _MEMORY_UNITS[unit] == 0)
    return f"{number // _MEMORY_UNITS[unit]}{unit or ''}"


def _as_cpu(value: object) -> str:
    text = _as_text(value)
    if not _CPU.fullmatch(text) or cpu_cores(text) <= 0:
        raise mistake(f"is {value!r}", _CPU_REMEDY)
    return text


def _as_memory(value: object) -> str:
    text = _as_text(value)
    if not _MEMORY.fullmatch(text) or memory_bytes(text) <= 0:
        raise mistake(f"is {value!r}", _MEMORY_REMEDY)
    return text


def _as_text(value: object) -> str:
    """Return a whole number or a text as text; the API server takes nothing else for a quantity."""
    return str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""


def _schema(pattern: re.Pattern[str], least: str, remedy: str) -> WithJsonSchema:
    """Return the schema of a quantity that is at least `least`."""
    text = f"self.matches(r'{pattern.pattern}') && quantity(self).compareTo(quantity('{least}')) >= 0"
    expression = f"type(self) == int ? self > 0 : {text}"
    return WithJsonSchema(
        {"x-kubernetes-int-or-string": True, **rules(rule(expression, f"is no such quantity; {remedy}"))}
    )


# A billionth of a core is the smallest that Kubernetes tells from nothing.
CpuQuantity = Annotated[str, BeforeValidator(_as_cpu), _schema(_CPU, "1n", _CPU_REMEDY)]
MemoryQuantity = Annotated[str, BeforeValidator(_as_memory), _schema(_MEMORY, "1", _MEMORY_REMEDY)]
