"""One check of numbers, for all that is handed in as one."""

import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from helpers.errors import BadInput
from helpers.inputs import number, whole_number
from helpers.numeric import SMALLEST, real, whole
from helpers.words import shortened

NO_NUMBERS = [
    *(None, True, False, np.True_, "5", b"5", [5], 2j, np.array([5]), Decimal(5)),
    *(math.nan, np.float64("nan"), math.inf, -math.inf, np.float32("inf"), 10**400, -(10**400), Fraction(10**400)),
]


@pytest.mark.parametrize("value", NO_NUMBERS, ids=lambda value: shortened(value, 20))
def test_what_is_no_number_to_reckon_with(value: object) -> None:
    assert real(value) is None and whole(value, -100) is None


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        *((5, 5), (0, 0), (-5, -5), (2.5, 2.5), (5e-324, 5e-324), (Fraction(1, 2), 0.5)),
        *((np.int64(5), 5), (np.uint8(5), 5), (np.float64(2.5), 2.5), (np.float32(0.5), 0.5)),
    ],
)
def test_a_number_comes_back_as_a_plain_one(value: Any, plain: float) -> None:
    for found in (real(value), number(value, "{} is wrong.", "Mend it.", least=-10)):
        assert found == plain and type(found) is type(plain)
    assert whole(value, -10) == (plain if isinstance(plain, int) else None)


@pytest.mark.parametrize("value", [0, -0.0, -1, 5e-324, SMALLEST / 2, np.float32(1e-40), Fraction(1, 10**400)])
def test_what_is_smaller_than_the_least_is_refused(value: object) -> None:
    assert real(value, SMALLEST) is None and real(SMALLEST, SMALLEST) == SMALLEST


def test_infinity_is_a_number_only_where_there_need_be_no_end() -> None:
    assert real(math.inf, 0, math.inf) == math.inf
    assert real(math.nan, 0, math.inf) is None and real(10**400, 0, math.inf) is None


@pytest.mark.parametrize("check", [number, whole_number])
@pytest.mark.parametrize("value", [*NO_NUMBERS, 10**5000, -1], ids=lambda value: shortened(value, 20))
def test_what_is_refused_is_told_in_two_short_sentences(check: Any, value: object) -> None:
    with pytest.raises(BadInput) as caught:
        check(value, "wait={} is not a number of seconds.", "Give one above 0.")
    assert caught.value.happened == f"wait={shortened(value)} is not a number of seconds."
    assert caught.value.what_to_do == "Give one above 0." and len(str(caught.value)) < 130
