"""Numbers and dates, as French and English write them."""

from datetime import datetime

import pytest

from future_skills import formatting as fmt

T, N, M = "\u202f", "\u00a0", "\u2212"


@pytest.mark.parametrize(
    ("written", "french", "english"),
    [
        (lambda code: fmt.percent(0.8214, code), f"82,1{T}%", "82.1%"),
        (lambda code: fmt.percent(None, code), "—", "—"),
        (lambda code: fmt.decimal(0.9026, code), "0,903", "0.903"),
        (lambda code: fmt.decimal(-0.0001, code), "0,000", "0.000"),
        (lambda code: fmt.decimal(-1234.5, code, 1), f"{M}1{T}234,5", f"{M}1,234.5"),
        (lambda code: fmt.integer(1204, code), f"1{T}204", "1,204"),
        (lambda code: fmt.integer(155045, code), f"155{T}045", "155,045"),
        (lambda code: fmt.signed(0.012, code), "+0,012", "+0.012"),
        (lambda code: fmt.signed(-0.004, code), f"{M}0,004", f"{M}0.004"),
        (lambda code: fmt.signed(0.0001, code), "0,000", "0.000"),
        (lambda code: fmt.signed_points(0.0328, code), f"+3,3{T}pt", "+3.3 pt"),
        (
            lambda code: fmt.estimate(0.821, 0.798, 0.842, 1204, code),
            f"82,1{T}% (79,8–84,2), n{N}={N}1{T}204",
            f"82.1% (79.8–84.2), n{N}={N}1,204",
        ),
        (
            lambda code: fmt.moment(datetime(2026, 3, 4, 10, 5), code),  # noqa: DTZ001
            f"4{N}mars{N}2026 à{N}10:05",
            f"4{N}March{N}2026 at{N}10:05",
        ),
        (lambda code: fmt.day(datetime(2026, 8, 1), code), f"1er{N}août{N}2026", f"1{N}August{N}2026"),  # noqa: DTZ001
        (lambda code: fmt.period("2024-02", code), f"février{N}2024", f"February{N}2024"),
        (lambda code: fmt.period("2018", code), "2018", "2018"),
        (lambda code: fmt.size(812, code), f"812{N}octets", f"812{N}bytes"),
        (lambda code: fmt.size(18_402_113, code), f"18,4{N}Mo", f"18.4{N}MB"),
        (lambda code: fmt.size(999_960, code), f"1,0{N}Mo", f"1.0{N}MB"),
        (lambda code: fmt.duration(8.44, code), f"8,4{N}s", f"8.4{N}s"),
        (lambda code: fmt.duration(59.97, code), f"1{N}min 00{N}s", f"1{N}min 00{N}s"),
        (lambda code: fmt.duration(7500, code), f"2{N}h 05{N}min", f"2{N}h 05{N}min"),
    ],
)
def test_a_value_in_each_language(written, french: str, english: str) -> None:
    assert written("fr") == french
    assert written("en") == english


@pytest.mark.parametrize(("share", "times"), [(0, 0), (0.001, 1), (0.734, 73), (0.999, 99), (1, 100)])
def test_out_of_a_hundred_is_never_rounded_to_always_or_never(share: float, times: int) -> None:
    assert fmt.times_in_hundred(share) == times


@pytest.mark.parametrize(
    ("code", "language"), [("fr", "fr"), ("en-gb", "en"), ("EN", "en"), (None, "fr"), ("de", "fr")]
)
def test_the_language_of_a_code(code: str | None, language: str) -> None:
    assert fmt.language_of(code) == language
