"""What counts as a number that can be reckoned with: one check, for all that is handed in as a number."""

import sys
from numbers import Integral, Real

LARGEST = sys.float_info.max
SMALLEST = 1e-6  # what is below cannot be divided by; nobody waits so briefly, or asks so seldom


def real(value: object, least: float = -LARGEST, most: float = LARGEST) -> float | None:
    """The value as an int or a float, NumPy's too; None for what is no number, or not from `least` to `most`.

    A bool, a text and NaN are no numbers; nor is infinity, unless `most` is infinite.

    >>> real(5), real(2.5, least=0), real(True), real(10**400), real(float("nan"))
    (5, 2.5, None, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        return None
    try:
        size = float(value)
    except OverflowError:  # an int of over 308 digits
        return None
    if not least <= size <= most:
        return None
    return int(value) if isinstance(value, Integral) else size


def whole(value: object, least: int, most: float = LARGEST) -> int | None:
    """The value as an int; None for what is no whole number, or not from `least` to `most`.

    >>> whole(5, least=1), whole(0, least=1), whole(5.0, least=1)
    (5, None, None)
    """
    number = real(value, least, most)
    return number if isinstance(number, int) else None
