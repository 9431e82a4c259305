from mailgate.contract import v1
from mailgate.tray.notices import TEXT_UNITS, TITLE_UNITS, Notice, notice_between
from mailgate.tray.words import DE, EN
from tests.unit.tray.tray_samples import condition, status

AUTH = condition("auth", "office", text="The login is refused", remedy="Enter the new password.")
DISK = condition("disk", "", severity="warning", text="The disk is nearly full", remedy="Free some space.")
DISK_FULL = condition("disk", "", severity="error", text="The disk is full", remedy="Free some space.")


def between(before: tuple[v1.Condition, ...], after: tuple[v1.Condition, ...]) -> Notice | None:
    return notice_between(status(conditions=before), status(conditions=after), EN)


def test_what_holds_at_the_first_snapshot_is_not_new() -> None:
    assert notice_between(None, status(conditions=(AUTH,)), EN) is None


def test_a_new_condition_is_told_with_its_remedy_and_only_once() -> None:
    assert between((), (AUTH,)) == Notice("The login is refused", "Enter the new password.")
    assert between((AUTH,), (AUTH,)) is None


def test_a_condition_without_a_remedy_still_has_a_text() -> None:
    bare = condition(text="The login is refused", remedy="")
    assert between((), (bare,)) == Notice("MailGate", "The login is refused")


def test_the_same_trouble_of_another_subject_is_new() -> None:
    other = condition("auth", "shop", text="The login of shop is refused")
    told = between((AUTH,), (AUTH, other))
    assert told is not None
    assert told.title == "The login of shop is refused"


def test_the_end_of_a_condition_is_told() -> None:
    assert notice_between(status(conditions=(AUTH,)), status(), DE) == Notice(
        "MailGate", "Vorbei: The login is refused"
    )


def test_a_warning_that_becomes_an_error_is_new_and_the_way_back_is_not() -> None:
    assert between((DISK,), (DISK_FULL,)) == Notice("The disk is full", "Free some space.")
    assert between((DISK_FULL,), (DISK,)) is None


def test_a_remark_is_never_told() -> None:
    assert between((), (condition(severity="info"),)) is None


def test_an_engine_started_anew_has_not_mended_anything_yet() -> None:
    before, after = status(conditions=(AUTH,)), status(run="second")
    assert notice_between(before, after, EN) is None


def test_several_at_a_time_make_one_notice_worst_first() -> None:
    assert between((), (DISK, AUTH)) == Notice(
        "2 things need your attention", "The login is refused\nThe disk is nearly full"
    )


def test_one_that_comes_and_one_that_goes_make_one_notice() -> None:
    assert between((DISK,), (AUTH,)) == Notice("The login is refused", "Over: The disk is nearly full")


def test_a_flood_is_cut_to_what_a_desktop_shows() -> None:
    flood = tuple(condition("auth", f"a{n}", text=f"Trouble {n} " + "x" * 90) for n in range(9))
    told = between((), flood)
    assert told is not None
    assert told.title == "9 things need your attention"
    assert len(told.text) <= TEXT_UNITS
    short = between((), tuple(condition("auth", f"a{n}", text=f"Trouble {n}") for n in range(9)))
    assert short is not None
    assert short.text.splitlines() == ["Trouble 0", "Trouble 1", "Trouble 2", "Trouble 3 (and 5 more)"]


def test_a_long_text_fits_the_smallest_desktop() -> None:
    told = between((), (condition(text="x" * 200, remedy="y" * 900),))
    assert told is not None
    assert (len(told.title), len(told.text)) == (TITLE_UNITS, TEXT_UNITS)
