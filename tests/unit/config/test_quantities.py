from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.config.quantities import MAX_OCTETS, parse_size, show_size, suggest_duration, suggest_size
from mailgate.model.duration import MAX_DURATION, parse_duration, show_duration


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("90s", 90),
        ("5m", 300),
        ("2h", 7200),
        ("3d", 259_200),
        ("1h30m", 5400),
        ("1d1h1m1s", 90_061),
        ("0s", 0),
        ("45", 45),
        (45, 45),
        (0, 0),
        ("3650d", 315_360_000),
    ],
)
def test_a_duration_is_read_in_seconds(written: str | int, seconds: int) -> None:
    assert parse_duration(written) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "written", ["", -1, "-5m", "5 m", "5M", "m", "30m1h", "1m1m", "1.5h", "3651d", "٣s", 10**30, "5m\n"]
)
def test_what_is_no_duration_is_none(written: str | int) -> None:
    assert parse_duration(written) is None


@given(st.integers(0, int(MAX_DURATION.total_seconds())))
def test_a_duration_reads_as_it_is_shown(seconds: int) -> None:
    duration = timedelta(seconds=seconds)
    assert parse_duration(show_duration(duration)) == duration


@pytest.mark.parametrize(
    ("written", "octets"),
    [
        ("64KB", 64_000),
        ("64KiB", 65_536),
        ("50MB", 50_000_000),
        ("50 MB", 50_000_000),
        ("8mib", 8 * 1024**2),
        ("1GB", 10**9),
        ("1GiB", 2**30),
        ("10B", 10),
        ("10", 10),
        (10, 10),
        (0, 0),
        (MAX_OCTETS, MAX_OCTETS),
    ],
)
def test_a_size_is_read_in_octets(written: str | int, octets: int) -> None:
    assert parse_size(written) == octets


@pytest.mark.parametrize(
    "written", ["", -1, "-1", "50M", "1.5MB", "iB", "5 iB", "MB", "50  MB", MAX_OCTETS + 1, "9999999999GB", "5KB\n"]
)
def test_what_is_no_size_is_none(written: str | int) -> None:
    assert parse_size(written) is None


@given(st.integers(0, MAX_OCTETS))
def test_a_size_reads_as_it_is_shown(octets: int) -> None:
    assert parse_size(show_size(octets)) == octets


@given(st.sampled_from([1000, 1024]), st.integers(1, 3), st.integers(1, 999))
def test_a_round_size_is_shown_short(base: int, power: int, count: int) -> None:
    assert len(show_size(count * base**power)) <= 6


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("5 min", "5m"),
        ("3 Days", "3d"),
        ("1 hr", "1h"),
        ("10 sec.", "10s"),
        ("2H", "2h"),
        ("007 m", "7m"),
        ("2 months", None),
        ("99999 days", None),
        ("soon", None),
        (5, None),
    ],
)
def test_a_duration_nearly_right_is_understood(written: object, meant: str | None) -> None:
    assert suggest_duration(written) == meant


@pytest.mark.parametrize(
    ("written", "meant"),
    [("50M", "50MB"), ("64 k", "64KB"), ("1Gi", "1GB"), ("9999999999G", None), ("big", None), (5, None)],
)
def test_a_size_nearly_right_is_understood(written: object, meant: str | None) -> None:
    assert suggest_size(written) == meant


@given(st.text() | st.integers())
def test_any_value_is_a_quantity_from_zero_on_or_none(value: str | int) -> None:
    assert (parse_duration(value) or timedelta()) >= timedelta()
    assert (parse_size(value) or 0) >= 0
