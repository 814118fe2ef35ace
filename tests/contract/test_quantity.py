import pytest

from fairlead_contract.quantity import cpu_cores, cpu_quantity, memory_bytes, memory_quantity


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


@pytest.mark.parametrize("cores, quantity", [(4.0, "4"), (0.5, "500m"), (1 / 3, "334m"), (0.1 + 0.2, "300m")])
def test_cores_as_written(cores: float, quantity: str) -> None:
    """Cores are written in thousandths at most, rounded up."""
    assert cpu_quantity(cores) == quantity


@pytest.mark.parametrize(
    "size, quantity", [(16 * 2**30, "16Gi"), (2**20, "1Mi"), (3 * 2**10, "3Ki"), (10**9, "1000000000")]
)
def test_bytes_as_written(size: int, quantity: str) -> None:
    """Bytes are written in the largest unit that says them exactly."""
    assert memory_quantity(size) == quantity
