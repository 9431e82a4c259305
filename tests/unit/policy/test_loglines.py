"""The lines of the mail log."""

from dataclasses import fields
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, get_args, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.model.events import (
    EVENTS,
    ConditionCleared,
    ConditionRaised,
    ConfigApplied,
    ConfigRejected,
    EngineStarted,
    EngineStopping,
    Event,
    FetchPaused,
    MailboxRenumbered,
    MessageAccepted,
    MessageDecided,
    MessageDeferred,
    MessageDelivered,
    MessageFetched,
    MessageHeld,
    MessageMerged,
    MessageParked,
    MessageReturned,
    MessageRouted,
    MessageSkipped,
    NoticeWritten,
    OversizeDecided,
    QueueOperated,
    RecoveryDone,
    RelayConnected,
    RelayDisconnected,
    SessionEnded,
    SessionListed,
    SessionStarted,
    SubmissionEnded,
    SubmissionRefused,
    SubmissionStarted,
)
from mailgate.policy.loglines import AnyEvent, lines

CET = timezone(timedelta(hours=1))
AT = datetime(2025, 11, 4, 9, 12, 46, tzinfo=CET)
SOON = datetime(2025, 11, 4, 8, 27, tzinfo=UTC)
OF: dict[str, Any] = {"entry": "Pmg001A", "account": "office", "session": 7}


def fetched(from_: str = "Carla <carla@sender.example>", subject: str = "Hello") -> MessageFetched:
    return MessageFetched(
        session=7,
        account="office",
        entry="Pmg001A",
        uid="u1",
        from_=from_,
        subject=subject,
        size_octets=4210,
        nth=1,
        of=2,
    )


CASES: list[tuple[Event, tuple[str, ...]]] = [
    (
        EngineStarted(version="0.1.0", pid=12, url="http://127.0.0.1:1"),
        ("MailGate 0.1.0 started (pid 12, http://127.0.0.1:1)",),
    ),
    (EngineStarted(version="0.1.0", pid=12, url=""), ("MailGate 0.1.0 started (pid 12)",)),
    (EngineStopping(reason="Ctrl+C"), ("MailGate stops: Ctrl+C",)),
    (ConfigApplied(changes=(), by="the app"), ("Configuration applied (changed by the app).",)),
    (ConfigApplied(changes=("a", "b")), ("Configuration applied.", "Configuration: a", "Configuration: b")),
    (ConfigRejected(faults=("a",)), ("Configuration rejected; the old one stays in force.", "Configuration: a")),
    (
        SessionStarted(session=7, account="office", host="pop.example.net"),
        (),
    ),
    (
        SessionListed(session=7, account="office", messages=12, new=2, size_octets=1_234_567, host="pop.example.net"),
        ("Fetch [7] Connecting to pop.example.net...Login successful...done. (12 messages, 2 new, 1234.6 kb)",),
    ),
    (fetched(), ("Fetch [7] From: <carla@sender.example> (u1, 4.2 kb) Pmg001A", "Fetch [7] Subject: Hello")),
    (fetched(from_="Carla"), ("Fetch [7] From: <Carla> (u1, 4.2 kb) Pmg001A", "Fetch [7] Subject: Hello")),
    (fetched(from_="", subject=""), ("Fetch [7] From: <> (u1, 4.2 kb) Pmg001A", "Fetch [7] Subject:")),
    (MessageSkipped(session=7, account="office", uid="u2", reason="too large"), ("Fetch [7] Skipped: u2 (too large)",)),
    (
        MailboxRenumbered(session=7, account="office", recognised=12),
        ("Fetch [7] The mailbox was renumbered: 12 known messages recognised",),
    ),
    (
        MessageRouted(**OF, recipients=("anna@example.org", "bert@example.org"), codes="E*", subject="Hello"),
        ("Fetch [7] Pmg001A Routed to: anna@example.org, bert@example.org [E*]",),
    ),
    (MessageRouted(**OF, recipients=(), codes="", subject="Hello"), ("Fetch [7] Pmg001A Routed to: nobody",)),
    (
        MessageMerged(**OF, into=("Pmg0018", "Pmg0019"), subject="Hello"),
        ("Fetch [7] Pmg001A Merged: a copy of Pmg0018, Pmg0019",),
    ),
    (
        MessageDelivered(**OF, recipients=("anna@example.org",), reply="250 2.0.0 Ok: queued as 4Abc", subject="Hello"),
        ("Fetch [7] Pmg001A Delivered (250 2.0.0 Ok: queued as 4Abc)",),
    ),
    (
        MessageDeferred(**OF, recipients=("anna@example.org",), reply="451 later", next_attempt=SOON),
        ("Fetch [7] Pmg001A Deferred (451 later), next try 09:27",),
    ),
    (
        MessageDeferred(
            **OF,
            recipients=("anna@example.org",),
            reply="",
            next_attempt=SOON + timedelta(days=1),
            possible_duplicate=True,
        ),
        ("Fetch [7] Pmg001A Deferred (no answer), next try 2025-11-05 09:27; possible duplicate",),
    ),
    (MessageParked(**OF, reason="unrouted", text="", subject="Hello"), ("Fetch [7] Pmg001A Parked: unrouted",)),
    (
        MessageParked(**OF, reason="refused", text="550 no such user", subject="Hello"),
        ("Fetch [7] Pmg001A Parked: refused (550 no such user)",),
    ),
    (
        SubmissionStarted(
            session=3, listener="office", host="192.0.2.7", hello="mail.office.example", esmtp=True, tls="TLSv1.3 X"
        ),
        ("Queue [3] Connection from 192.0.2.7 (mail.office.example) accepted. (ESMTP, TLSv1.3 X)",),
    ),
    (
        SubmissionStarted(session=3, listener="office", host="192.0.2.7", hello="copier", esmtp=False, tls=""),
        ("Queue [3] Connection from 192.0.2.7 (copier) accepted. (SMTP)",),
    ),
    (
        SubmissionRefused(session=3, host="192.0.2.7", what="a login", reply="535 5.7.8 wrong"),
        ("Queue [3] Refused a login of 192.0.2.7: 535 5.7.8 wrong",),
    ),
    (
        MessageAccepted(
            session=3,
            entry="Pmg001A",
            sender="anna@example.org",
            asked="RET=FULL",
            recipients=("bert@customer.example", "eve@customer.example"),
            notify=("NOTIFY=FAILURE", ""),
            relay="provider",
            subject="Hello",
            size_octets=4210,
        ),
        (
            "Queue [3] Mail From: <anna@example.org> RET=FULL (Pmg001A, 4.2 kb)",
            "Queue [3] Rcpt To: <bert@customer.example> NOTIFY=FAILURE",
            "Queue [3] Rcpt To: <eve@customer.example>",
            "Queue [3] Subject: Hello",
        ),
    ),
    (SubmissionEnded(session=3, taken=1), ("Queue [3] Connection closed.",)),
    (
        MessageHeld(entry="Pmg001A", session=3, recipients=("bert@customer.example",), until=SOON, subject="Hello"),
        ("Send: Pmg001A Rests until 09:27, for bert@customer.example",),
    ),
    (
        MessageDelivered(
            **OF,
            recipients=("bert@c.example",),
            reply="250 ok",
            subject="Hello",
            direction="outbound",
            relay="provider",
            sender="anna@office.example",
            size_octets=4_200,
            queued_at=AT,
        ),
        (
            f"Send: Pmg001A Mail From: <anna@office.example> (4.2 kb, queued: {AT:%Y-%m-%d %H:%M})",
            "Send: Pmg001A Rcpt To: <bert@c.example>",
            "Send: Pmg001A Subject: Hello",
            "Send: Pmg001A Message sent by provider (4.2 kb). (250 ok)",
        ),
    ),
    (MessageRouted(**OF, recipients=("bert@c.example",), codes="", subject="Hello", direction="outbound"), ()),
    (
        MessageReturned(
            entry="Pmg001A",
            recipients=("bert@c.example", "c@c.example"),
            reply="550 5.1.1 unknown",
            report="Pmg001B",
            subject="Hello",
        ),
        ("Send: Pmg001A Failed for bert@c.example, c@c.example (550 5.1.1 unknown); its sender is told by Pmg001B",),
    ),
    (
        MessageReturned(
            entry="Pmg001A", recipients=("bert@c.example",), reply="550 unknown", report="", subject="Hello"
        ),
        ("Send: Pmg001A Failed for bert@c.example (550 unknown); its sender is not told",),
    ),
    (
        MessageDecided(entry="Pmg001A", by="anna", what="deliver to bert@example.org"),
        ("Queue: Pmg001A deliver to bert@example.org (by anna)",),
    ),
    (
        QueueOperated(operation=1, by="anna", what="frozen", done=3, refused=0),
        ("Queue: 3 messages frozen (by anna)",),
    ),
    (
        QueueOperated(operation=1, by="anna", what="thawed", done=1, refused=2, error="the disk is full"),
        ("Queue: 1 message thawed (by anna); 2 could not be; ended early: the disk is full",),
    ),
    (
        RelayConnected(
            relay="provider", host="smtp.example:587", login=True, esmtp=True, size_octets=52_000, dsn=True, tls="TLS"
        ),
        (
            "Send: Connecting to relay provider (smtp.example:587)...Login successful...done. (ESMTP, Max size: 52000, DSN, TLS)",
        ),
    ),
    (
        RelayConnected(relay="provider", host="smtp.example:25", login=False, esmtp=False, size_octets=0, dsn=False),
        ("Send: Connecting to relay provider (smtp.example:25)...done. (SMTP)",),
    ),
    (
        RelayDisconnected(relay="provider", host="smtp.example:25", sent=2),
        ("Send: Outbound connection to provider closed. (2 sent)",),
    ),
    (
        SessionEnded(session=7, account="office", taken=2, deleted=2, skipped=0, duration_ms=812),
        ("Fetch [7] Connection closed. (2 deleted)",),
    ),
    (
        SessionEnded(session=7, account="office", taken=200, deleted=0, skipped=0, duration_ms=812, another=True),
        ("Fetch [7] Connection closed. (0 deleted) Another session follows.",),
    ),
    (
        SessionEnded(
            session=7,
            account="office",
            taken=0,
            deleted=0,
            skipped=0,
            duration_ms=9,
            error="the login was refused",
            error_class="auth",
        ),
        ("Fetch [7] Error: the login was refused (auth)", "Fetch [7] Connection closed. (0 deleted)"),
    ),
    (
        SessionEnded(
            session=7,
            account="office",
            taken=0,
            deleted=0,
            skipped=0,
            duration_ms=9,
            error="nothing listens there",
            error_class="connect",
            connecting_to="pop.example.net",
        ),
        (
            "Fetch [7] Connecting to pop.example.net...Error: nothing listens there (connect)",
            "Fetch [7] Connection closed. (0 deleted)",
        ),
    ),
    (FetchPaused(paused=True, until=SOON, by="anna"), ("Fetching paused until 09:27 (by anna)",)),
    (FetchPaused(paused=True, until=None, by="anna"), ("Fetching paused (by anna)",)),
    (FetchPaused(paused=False, until=None, by="anna"), ("Fetching resumed (by anna)",)),
    (
        FetchPaused(paused=True, until=SOON, by="anna", account="office"),
        ("Fetching of office paused until 09:27 (by anna)",),
    ),
    (FetchPaused(paused=False, until=None, by="anna", account="office"), ("Fetching of office resumed (by anna)",)),
    (
        ConditionRaised(code="login_refused", subject="office", severity="error", text="No login.", remedy="Do this."),
        ("Error: No login. Do this. (login_refused: office)",),
    ),
    (
        ConditionRaised(code="disk_low", subject="", severity="warning", text="Disk low.", remedy=""),
        ("Warning: Disk low. (disk_low)",),
    ),
    (ConditionCleared(code="disk_low", subject=""), ("Over: disk_low",)),
    (
        NoticeWritten(entry="Pmg001A", kind="oversize", recipient="anna@office.example", about="uid-1"),
        ("Notice: Pmg001A oversize about uid-1 to anna@office.example",),
    ),
    (
        MessageDelivered(
            entry="Pmg001A", account="", session=0, recipients=("anna@office.example",), reply="250 ok", subject="x"
        ),
        ("Notice: Pmg001A Delivered (250 ok)",),
    ),
    (
        OversizeDecided(account="office", uid="u7", number=3, what="to be fetched now", by="the app"),
        ("Oversize: 3 (u7 of account office) to be fetched now (by the app)",),
    ),
    (RecoveryDone(findings=()), ()),
    (RecoveryDone(findings=("a body without a row was removed",)), ("Recovery: a body without a row was removed",)),
]


@pytest.mark.parametrize(("event", "texts"), CASES)
def test_each_event_is_told_in_its_form(event: Event, texts: tuple[str, ...]) -> None:
    assert lines(event, AT) == tuple(f"[09:12] {text}" for text in texts)


def test_a_session_reads_as_it_does_in_the_original() -> None:
    told = [
        SessionStarted(session=7, account="office", host="pop.example.net"),
        SessionListed(session=7, account="office", messages=2, new=1, size_octets=9000, host="pop.example.net"),
        fetched(),
        MessageRouted(**OF, recipients=("anna@example.org", "bert@example.org"), codes="E*", subject="Hello"),
        MessageDelivered(**OF, recipients=("anna@example.org",), reply="250 2.0.0 Ok", subject="Hello"),
        SessionEnded(session=7, account="office", taken=1, deleted=1, skipped=0, duration_ms=812),
    ]
    assert [line for event in told for line in lines(event, AT)] == [
        "[09:12] Fetch [7] Connecting to pop.example.net...Login successful...done. (2 messages, 1 new, 9.0 kb)",
        "[09:12] Fetch [7] From: <carla@sender.example> (u1, 4.2 kb) Pmg001A",
        "[09:12] Fetch [7] Subject: Hello",
        "[09:12] Fetch [7] Pmg001A Routed to: anna@example.org, bert@example.org [E*]",
        "[09:12] Fetch [7] Pmg001A Delivered (250 2.0.0 Ok)",
        "[09:12] Fetch [7] Connection closed. (1 deleted)",
    ]


def test_every_event_there_is_has_its_case() -> None:
    assert set(get_args(AnyEvent)) == set(EVENTS)
    assert {type(event) for event, _ in CASES} == set(EVENTS)


foreign = st.text(st.sampled_from('a<>@,"\n\r\x00\x1b\x7f\x9b\u202e\u2028'), max_size=20)
strategies: dict[Any, st.SearchStrategy[Any]] = {
    str: foreign,
    int: st.integers(0, 10**12),
    bool: st.booleans(),
    tuple[str, ...]: st.lists(foreign, max_size=3).map(tuple),
    datetime: st.just(SOON),
    datetime | None: st.sampled_from([SOON, None]),
}
events = st.one_of(
    *(
        st.builds(event, **{field.name: strategies[get_type_hints(event)[field.name]] for field in fields(event)})
        for event in EVENTS
    )
)


@given(event=events)
def test_whatever_peers_say_a_line_is_one_line_and_steers_no_terminal(event: Event) -> None:
    for line in lines(event, AT):
        assert line.startswith("[09:12] ")
        assert not set(line) & set("\n\r\x00\x1b\x7f\x9b\u202e\u2028")
