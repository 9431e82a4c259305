"""Cross-checks of the schedules: their lines, their names, and who names them."""

from collections.abc import Callable, Sequence
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from mailgate.config.faults import Faults, KeyPath
from mailgate.config.sureness import Sure
from mailgate.config.wording import nearest, shown
from mailgate.model.duration import show_duration
from mailgate.model.errors import ScheduleError
from mailgate.model.schedule import MAX_LINES, parse_at, parse_cron, parse_quiet, parse_window
from mailgate.model.settings import Config


def check_schedules(config: Config, faults: Faults, sure: Sure) -> None:
    """Tell `faults` what is wrong with the schedules, and with the names of schedules elsewhere."""
    names: dict[str, int] = {}
    for index, schedule in enumerate(config.schedules):
        at: KeyPath = ("schedules", index)
        if sure(*at, "name"):
            first = names.setdefault(schedule.name.casefold(), index)
            if first != index:
                line = faults.line(("schedules", first, "name"))
                text = f"The name {shown(schedule.name)} is taken by the schedule in line {line}."
                faults.error("C01", (*at, "name"), text, "Give each schedule a name of its own.")
        _check_lines(schedule.windows, parse_window, (*at, "windows"), faults, sure)
        _check_lines(schedule.at, parse_at, (*at, "at"), faults, sure)
        _check_lines(schedule.cron, parse_cron, (*at, "cron"), faults, sure)
        _check_lines(schedule.quiet, parse_quiet, (*at, "quiet"), faults, sure)
        nothing = not (schedule.interval is None or schedule.interval or schedule.windows or schedule.at)
        if nothing and not schedule.cron and all(sure(*at, key) for key in ("interval", "windows", "at", "cron")):
            text = "This schedule names no time at all, so its accounts are never fetched."
            faults.error("C02", at, text, "Add `windows`, `at` or `cron`, or remove `interval = 0`.")
    _check_names(config, faults, sure)
    _check_zone(config.fetch.time_zone, faults, sure)


def _check_lines(
    lines: Sequence[str], parse: Callable[[str], object], path: KeyPath, faults: Faults, sure: Sure
) -> None:
    if not sure(*path):
        return
    if len(lines) > MAX_LINES:
        text = f"`{path[-1]}` has {len(lines)} lines, more than the {MAX_LINES} that a schedule may have."
        faults.error("C02", path, text, "Name several days in one line, such as `Mon-Fri`, or use `cron`.")
        return
    for number, line in enumerate(lines):
        try:
            parse(line)
        except ScheduleError as error:
            what, _, how = str(error).partition(": ")
            remedy = f"{how[:1].upper()}{how[1:]}." if how else "Write it as the reference shows."
            faults.error("C02", (*path, number), f"This line cannot be read: {what.rstrip(':')}.", remedy)


def _check_names(config: Config, faults: Faults, sure: Sure) -> None:
    there_are = [schedule.name for schedule in config.schedules]
    named: list[tuple[KeyPath, str]] = []
    if sure("fetch", "schedule"):
        named.append((("fetch", "schedule"), config.fetch.schedule))
    for index, account in enumerate(config.accounts):
        at: KeyPath = ("accounts", index)
        if sure(*at, "schedule"):
            named.append(((*at, "schedule"), account.schedule))
            if account.schedule and account.interval is not None and sure(*at, "interval"):
                text = "`interval` and `schedule` are both set: only one of them can say how often this account is fetched."
                faults.error(
                    "C03", (*at, "interval"), text, "Remove one of the two; a schedule has an `interval`, too."
                )
        least = config.fetch.min_interval if account.min_interval is None else account.min_interval
        asked = account.interval
        if asked is not None and asked < least and sure(*at, "interval") and sure(*at, "min_interval"):
            text = f"`interval` is shorter than `min_interval`, so that sessions come every {show_duration(least)}."
            faults.warning(
                "C04", (*at, "interval"), text, "Raise it, or lower `min_interval` if the provider bears it."
            )
    if (
        config.fetch.interval < config.fetch.min_interval
        and sure("fetch", "interval")
        and sure("fetch", "min_interval")
    ):
        least = config.fetch.min_interval
        text = f"`interval` is shorter than `min_interval`, so that sessions come every {show_duration(least)}."
        faults.warning(
            "C04", ("fetch", "interval"), text, "Raise it, or lower `min_interval` if the provider bears it."
        )
    if not all(sure("schedules", index, "name") for index in range(len(there_are))) or not sure("schedules"):
        return
    for path, name in named:
        if name and name not in there_are:
            near = nearest(name, there_are)
            remedy = (
                f"Did you mean {shown(near)}?" if near else "Add `[[schedules]]` with this name, or remove the line."
            )
            faults.error("C05", path, f"There is no schedule called {shown(name)}.", remedy)


def _check_zone(name: str, faults: Faults, sure: Sure) -> None:
    if not name or not sure("fetch", "time_zone"):
        return
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        remedy = "Write its IANA name, such as `Europe/Berlin`, or remove the line: then that of this machine counts."
        faults.error("C06", ("fetch", "time_zone"), f"There is no time zone called {shown(name)}.", remedy)
