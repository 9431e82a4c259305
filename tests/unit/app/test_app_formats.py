from datetime import UTC, datetime, timedelta, timezone

import pytest

from mailgate.app import formats
from mailgate.app.words import LANGS, NARROW, Lang

NOW = datetime(2026, 11, 24, 9, 44, tzinfo=UTC)
BERLIN = timezone(timedelta(hours=1))


@pytest.mark.parametrize(
    ("lang", "octets", "text"),
    [
        ("de", 47_100, "47,1 kB"),
        ("en", 47_100, "47.1 kB"),
        ("en", 0, "0.0 kB"),
        ("en", 999_949, "999.9 kB"),
        ("en", 999_950, "1.0 MB"),
        ("de", 2_340_000, "2,3 MB"),
        ("fr", 47_100, "47,1 ko"),
        ("fr", 2_340_000, "2,3 Mo"),
    ],
)
def test_sizes_have_the_local_decimal_mark(lang: Lang, octets: int, text: str) -> None:
    assert formats.size(lang, octets) == text


def test_thousands_are_parted_in_the_local_way() -> None:
    assert [formats.number(lang, 12_345) for lang in LANGS] == ["12,345", "12.345", f"12{NARROW}345"]


@pytest.mark.parametrize(
    ("lang", "before", "text"),
    [
        ("en", timedelta(0), "10:44"),
        ("en", timedelta(days=1), "23 Nov 10:44"),
        ("de", timedelta(days=1), "23.11. 10:44"),
        ("de", timedelta(days=365), "24.11.2025 10:44"),
        ("en", timedelta(days=365), "24 Nov 2025 10:44"),
        ("fr", timedelta(days=1), "23/11 10:44"),
        ("fr", timedelta(days=365), "24/11/2025 10:44"),
    ],
)
def test_a_time_is_told_as_short_as_it_can_be(lang: Lang, before: timedelta, text: str) -> None:
    assert formats.moment(lang, NOW - before, NOW, BERLIN) == text


def test_a_day_is_told_with_its_year() -> None:
    assert [formats.day(lang, NOW.date()) for lang in LANGS] == ["24 Nov 2026", "24.11.2026", "24/11/2026"]


def test_today_is_the_readers_today() -> None:
    late = datetime(2026, 11, 24, 23, 30, tzinfo=UTC)
    assert formats.moment("en", late, NOW, UTC) == "23:30"
    assert formats.moment("en", late, NOW, BERLIN) == "25 Nov 00:30"
    assert formats.clock(late, BERLIN) == "00:30"


@pytest.mark.parametrize(
    ("seconds", "english", "german"),
    [
        (-5, "just now", "gerade eben"),
        (59, "just now", "gerade eben"),
        (60, "a minute ago", "vor einer Minute"),
        (150, "2 minutes ago", "vor 2 Minuten"),
        (3600, "an hour ago", "vor einer Stunde"),
        (7300, "2 hours ago", "vor 2 Stunden"),
        (86_400, "a day ago", "vor einem Tag"),
        (260_000, "3 days ago", "vor 3 Tagen"),
    ],
)
def test_ages_are_told_in_words(seconds: int, english: str, german: str) -> None:
    at = NOW - timedelta(seconds=seconds)
    assert (formats.ago("en", at, NOW), formats.ago("de", at, NOW)) == (english, german)


@pytest.mark.parametrize(
    ("seconds", "english", "german"),
    [
        (-90, "in a moment", "gleich"),
        (0, "in a moment", "gleich"),
        (1, "in a minute", "in einer Minute"),
        (61, "in 2 minutes", "in 2 Minuten"),
        (240, "in 4 minutes", "in 4 Minuten"),
        (7200, "in 2 hours", "in 2 Stunden"),
        (90_000, "in a day", "in einem Tag"),
    ],
)
def test_what_is_planned_is_never_told_too_near(seconds: int, english: str, german: str) -> None:
    at = NOW + timedelta(seconds=seconds)
    assert (formats.ahead("en", at, NOW), formats.ahead("de", at, NOW)) == (english, german)


def test_the_age_of_a_condition_is_at_least_a_minute() -> None:
    ages = [formats.age("de", NOW - timedelta(minutes=m), NOW) for m in (0, 41, 200, 1440, 4000)]
    assert ages == ["1 min", "41 min", "3 h", "1 Tag", "2 Tage"]
