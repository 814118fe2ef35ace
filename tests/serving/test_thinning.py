import pytest

from fairlead_serving.thinning import Thinning


@pytest.mark.parametrize("length", [1, 3, 4, 7, 64])
def test_the_share_does_not_depend_on_the_lists(length: int) -> None:
    """Of all values every n-th is kept, however long the lists are in which they come."""
    values = [float(number) for number in range(128)]
    thinning = Thinning(keep_one_in=4)

    kept = [value for start in range(0, len(values), length) for value in thinning.take(values[start : start + length])]

    assert kept == values[::4]
