import pytest

from fairlead_contract.quantity import cpu_cores, memory_bytes


@pytest.mark.parametrize("quantity, cores", [("4", 4.0), ("500m", 0.5), ("1.5", 1.5)])
def test_cpu(quantity: str, cores: float) -> None:
    """A CPU quantity is a number of cores."""
    assert cpu_cores(quantity) == cores


@pytest.mark.parametrize("quantity, size", [("1024", 1024), ("1Ki", 1024), ("16Gi", 16 * 2**30), ("2G", 2 * 10**9)])
def test_memory(quantity: str, size: int) -> None:
    """A memory quantity is a number of bytes."""
    assert memory_bytes(quantity) == size


@pytest.mark.parametrize("quantity", ["", "-1", "1GB", "1 Gi", "four"])
def test_not_a_quantity(quantity: str) -> None:
    """A text that is no quantity is refused."""
    with pytest.raises(ValueError, match=quantity or "^$"):
        memory_bytes(quantity)
