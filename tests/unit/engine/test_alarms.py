"""The administrator is told of what lasts, and of its end: once each."""

import email
import email.policy
from datetime import timedelta
from email.message import EmailMessage

from mailgate.model.events import Severity
from mailgate.model.notices import NoticeKind, NoticeSettings
from mailgate.ports.store import MessageFilter
from tests.fakes.eventually import eventually_by
from tests.unit.engine.desk import ANNA, Desk, config, running

MINUTE = timedelta(minutes=1)
SETTLE = NoticeSettings().alarm_after


def office(**settings: object) -> Desk:
    return Desk(config(notices=NoticeSettings(administrator=ANNA, language="de", **settings)))  # type: ignore[arg-type]


def raise_(desk: Desk, code: str = "store_damaged", subject: str = "", severity: Severity = Severity.ERROR) -> None:
    desk.engine.health.raise_(code, subject=subject, severity=severity, text="It is broken.", remedy="Mend it.")


async def alarms(desk: Desk) -> list[str]:
    entries, _ = await desk.engine.messages(MessageFilter(), before="", limit=100)
    kinds = {NoticeKind.ALARM.value, NoticeKind.RECOVERY.value}
    return [one.source.uid for one in reversed(entries) if one.source.uid in kinds]


async def later(desk: Desk, by: timedelta = SETTLE + MINUTE) -> list[str]:
    desk.clock.advance(by)
    await desk.engine.alarms.tick()
    return await alarms(desk)


async def sent(desk: Desk, number: int) -> list[EmailMessage]:
    async def there() -> bool:
        return len(desk.transport.said) >= number

    await eventually_by(there, f"{number} messages")
    return [email.message_from_bytes(one.octets, policy=email.policy.default) for one in desk.transport.said]


async def test_a_condition_that_lasts_is_told_once_and_its_end_once() -> None:
    async with running(office()) as desk:
        raise_(desk)
        await desk.engine.alarms.tick()
        assert await later(desk, SETTLE - MINUTE) == []
        assert await later(desk, MINUTE) == ["alarm"]
        assert await later(desk) == ["alarm"]
        desk.engine.health.clear("store_damaged")
        await desk.engine.alarms.tick()
        assert await later(desk, SETTLE - MINUTE) == ["alarm"]
        assert await later(desk, MINUTE) == ["alarm", "recovery"]
        assert await later(desk, timedelta(days=1)) == ["alarm", "recovery"]
        alarm, recovery = await sent(desk, 2)
        assert alarm["To"] == ANNA
        assert alarm["Subject"] == "MailGate braucht Sie: Der Nachrichtenspeicher ist beschädigt"
        assert "Beenden Sie den Dienst" in alarm.get_content()
        assert "Kennung: store_damaged" in recovery.get_content()
        assert await desk.store.value("alarms.incidents") is None


async def test_what_is_over_soon_is_not_told() -> None:
    async with running(office()) as desk:
        raise_(desk)
        await desk.engine.alarms.tick()
        desk.engine.health.clear("store_damaged")
        await desk.engine.alarms.tick()
        assert await later(desk) == []


async def test_what_comes_again_at_once_is_the_same_incident() -> None:
    async with running(office()) as desk:
        raise_(desk)
        assert await later(desk) == ["alarm"]
        desk.engine.health.clear("store_damaged")
        await desk.engine.alarms.tick()
        desk.clock.advance(MINUTE)
        raise_(desk)
        await desk.engine.alarms.tick()
        assert await later(desk) == ["alarm"]


async def test_a_restart_is_no_new_incident_and_no_end_of_it() -> None:
    desk = office()
    async with running(desk):
        raise_(desk)
        assert await later(desk) == ["alarm"]
    desk.new_engine()
    async with running(desk):
        assert await later(desk) == ["alarm"]
        raise_(desk)
        await desk.engine.alarms.tick()
        assert await later(desk) == ["alarm"]
    desk.new_engine()
    async with running(desk):
        assert await later(desk, 2 * SETTLE) == ["alarm"]
        assert await later(desk, 3 * SETTLE) == ["alarm", "recovery"]


async def test_while_the_internal_server_is_ill_nothing_goes_out_and_afterwards_it_is_told() -> None:
    async with running(office()) as desk:
        raise_(desk, "internal_ill")
        raise_(desk, "relay_ill", "out")
        assert await later(desk) == []
        assert await later(desk, timedelta(hours=1)) == []
        desk.engine.health.clear("internal_ill")
        await desk.engine.alarms.tick()
        assert await later(desk) == ["alarm", "recovery"]
        told = await sent(desk, 2)
        assert {one["Subject"] for one in told} == {
            "MailGate braucht Sie: Das Relay out nimmt keine Post an",
            "Vorbei: Der Mailserver nimmt keine Post an",
        }


async def test_warnings_are_told_where_they_are_wanted_and_nothing_where_nobody_is() -> None:
    for settings, expected in (
        ({}, []),
        ({"alarm": "warning"}, ["alarm"]),
        ({"alarm": "off"}, []),
        ({"alarm": "warning", "administrator": ""}, []),
    ):
        desk = Desk(config(notices=NoticeSettings(**({"administrator": ANNA} | settings))))  # type: ignore[arg-type]
        async with running(desk):
            raise_(desk, "config_rejected", severity=Severity.WARNING)
            raise_(desk, "notices_held", severity=Severity.WARNING)
            raise_(desk, "clock_jumped", severity=Severity.INFO)
            assert await later(desk) == expected


async def test_the_brake_puts_an_alarm_off_and_loses_none() -> None:
    async with running(office(per_hour=1)) as desk:
        raise_(desk, "relay_ill", "one")
        raise_(desk, "relay_ill", "two")
        assert await later(desk) == ["alarm"]
        assert await later(desk, timedelta(hours=1)) == ["alarm", "alarm"]
