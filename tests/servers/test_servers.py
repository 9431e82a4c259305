"""The servers that tests lean on, proven by foreign clients."""

import poplib
import smtplib
import socket
import ssl
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from tests.servers.base import HOST, ServerError, find_program, needs, program, tcp_answers, wait_for
from tests.servers.desktop import Display, SessionBus
from tests.servers.dovecot import Dovecot
from tests.servers.faultproxy import Fault, FaultProxy
from tests.servers.postfix import Postfix
from tests.servers.sink import SmtpSink

ANNA, BOB, SECRET = "anna@example.test", "bob@example.test", "oak and ash"
MESSAGE = (
    b"From: a@peer.test\r\nTo: bob@example.test\r\nSubject: hello\r\nMessage-ID: <1@peer.test>\r\n"
    b"Date: Mon, 2 Mar 2026 09:00:00 +0000\r\n\r\nline\r\n.dotted\r\n"  # Postfix would add what is missing
)
LOOPING = b"Delivered-To: anna@example.test\r\n" + MESSAGE

ICON = """
import pystray, pystray._xorg, Xlib.X
from PIL import Image

class Icon(pystray._xorg.Icon):
    def _create_window(self):
        window = super()._create_window()
        window.change_attributes(  # the library forgets to ask for clicks
            event_mask=Xlib.X.ExposureMask | Xlib.X.StructureNotifyMask | Xlib.X.ButtonPressMask
        )
        return window

def clicked(icon, _item):
    print("clicked", flush=True)
    icon.stop()

menu = pystray.Menu(pystray.MenuItem("click", clicked, default=True))
Icon("test", Image.new("RGB", (32, 32), "red"), "a red square", menu).run()
"""


def send(port: int, *recipients: str, message: bytes = MESSAGE) -> dict[str, tuple[int, bytes]]:
    with smtplib.SMTP(HOST, port, "client.test", timeout=20) as client:
        return client.sendmail("a@peer.test", recipients, message)


def has_mail(server: Postfix, address: str) -> bool:
    return server.messages(address) != []


def ends_by_a_click(icon: "subprocess.Popen[str]", display: Display) -> bool:
    """Click where the icon is now: a tray may still move an icon that has just docked."""
    for shown in display.tray_icons():
        display.click(shown)
    return icon.poll() is not None


def receive_all(client: socket.socket) -> bytes:
    got = b""
    while data := client.recv(100):
        got += data
    return got


def pop3(port: int) -> poplib.POP3:
    client = poplib.POP3(HOST, port, timeout=20)
    client.user(ANNA)
    client.pass_(SECRET)
    return client


@pytest.mark.servers
@needs("dovecot", root=True)
class TestDovecot:
    def test_pop3s_and_stls_show_a_certificate_that_its_ca_file_proves(self) -> None:
        with Dovecot({ANNA: SECRET}) as server:
            context = ssl.create_default_context(cafile=server.ca_file)
            server.put(ANNA, MESSAGE)
            implicit = poplib.POP3_SSL(HOST, server.pop3s, context=context, timeout=20)
            implicit.user(ANNA)
            implicit.pass_(SECRET)
            assert b"".join(line + b"\r\n" for line in implicit.retr(1)[1]) == MESSAGE
            assert len(implicit.uidl()[1]) == 1
            implicit.quit()
            explicit = poplib.POP3(HOST, server.pop3, timeout=20)
            assert {"STLS", "PIPELINING", "UIDL", "SASL"} <= explicit.capa().keys()
            explicit.stls(context)
            explicit.user(ANNA)
            explicit.pass_(SECRET)
            explicit.dele(1)
            explicit.quit()
            assert server.messages(ANNA) == []

    def test_a_killed_server_comes_back_with_the_same_mail_on_the_same_port(self) -> None:
        with Dovecot({ANNA: SECRET}, lock_session=False) as server:
            server.put(ANNA, MESSAGE)
            server.restart(kill=True)
            client = pop3(server.pop3)
            assert client.stat()[0] == 1
            client.quit()


@pytest.mark.servers
@needs("postfix", root=True)
class TestPostfix:
    def test_virtual_mailboxes_get_their_mail_and_strangers_are_refused(self) -> None:
        rejects = {BOB: "452 4.2.2 mailbox full"}
        with Postfix([ANNA, BOB], rejects=rejects, message_size_limit_octets=20_000) as server:
            refused = send(server.port, ANNA, BOB, "nobody@example.test")
            assert {address: code for address, (code, _) in refused.items()} == {BOB: 452, "nobody@example.test": 550}
            with pytest.raises(smtplib.SMTPSenderRefused, match="552"):
                send(server.port, ANNA, message=MESSAGE + b"x" * 30_000)
            wait_for(partial(has_mail, server, ANNA), what="delivery")
            assert server.messages(ANNA)[0].endswith(MESSAGE.replace(b"\r\n", b"\n"))
            assert b"Delivered-To: anna@example.test" in server.messages(ANNA)[0]
            assert server.messages(BOB) == []

    def test_tls_is_offered_both_ways(self) -> None:
        with Postfix([ANNA], require_tls=True) as server:
            context = ssl.create_default_context(cafile=server.ca_file)
            with pytest.raises(smtplib.SMTPSenderRefused, match="530"):
                send(server.port, ANNA)
            with smtplib.SMTP(HOST, server.port, "client.test", timeout=20) as explicit:
                explicit.starttls(context=context)
                explicit.sendmail("a@peer.test", [ANNA], MESSAGE)
            with smtplib.SMTP_SSL(HOST, server.smtps, "client.test", timeout=20, context=context) as implicit:
                implicit.sendmail("a@peer.test", [ANNA], MESSAGE)
            wait_for(lambda: len(server.messages(ANNA)) == 2, what="delivery")

    def test_local_delivers_and_puts_delivered_to_on_top(self) -> None:
        with Postfix([ANNA, BOB], local=True) as server:
            assert send(server.port, ANNA, BOB) == {}
            with pytest.raises(smtplib.SMTPRecipientsRefused, match="550"):
                send(server.port, "nobody@example.test")
            for address in (ANNA, BOB):
                wait_for(partial(has_mail, server, address), what="delivery")
                assert f"Delivered-To: {address}\n".encode() in server.messages(address)[0]

    def test_local_takes_a_message_that_it_delivered_before_and_bounces_it_as_a_loop(self) -> None:
        with Postfix([ANNA, BOB], local=True) as server:
            assert send(server.port, ANNA, BOB, message=LOOPING) == {}  # 250 to DATA: the sender thinks all is well
            wait_for(lambda: server.bounced(ANNA) != [], what="the bounce")
            assert server.bounced(ANNA) == [f"mail forwarding loop for {ANNA}"]
            wait_for(lambda: len(server.messages(BOB)) == 1, what="delivery to the other recipient")
            assert server.messages(ANNA) == []

    def test_local_takes_it_when_the_old_mark_has_another_name(self) -> None:
        with Postfix([ANNA], local=True) as server:
            send(server.port, ANNA, message=b"X-MailGate-" + LOOPING)
            wait_for(partial(has_mail, server, ANNA), what="delivery")
            assert server.bounced(ANNA) == []

    def test_virtual_mailboxes_do_not_look_for_the_mark(self) -> None:
        with Postfix([ANNA]) as server:
            send(server.port, ANNA, message=LOOPING)
            wait_for(partial(has_mail, server, ANNA), what="delivery")

    def test_mail_that_is_deferred_waits_in_the_queue(self) -> None:
        with Postfix([ANNA], settings={"defer_transports": "virtual"}) as server:
            send(server.port, ANNA)
            wait_for(lambda: "status=deferred" in server.log, what="the first try")
            assert len(server.queue()) == 1
            assert server.messages(ANNA) == []

    def test_a_killed_server_comes_back_on_the_same_port(self) -> None:
        with Postfix([ANNA]) as server:
            server.restart(kill=True)
            send(server.port, ANNA)
            wait_for(partial(has_mail, server, ANNA), what="delivery")


class TestSmtpSink:
    def test_messages_are_kept_as_they_came(self) -> None:
        with SmtpSink() as sink:
            send(sink.port, ANNA, BOB)
            [message] = sink.wait_for(1)
        assert (message.sender, message.recipients) == ("a@peer.test", (ANNA, BOB))
        assert message.octets == MESSAGE
        assert message.mail_parameters == f"size={len(MESSAGE)}"

    @pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA", "."])
    def test_any_command_may_be_answered_with_any_code(self, verb: str) -> None:
        with SmtpSink(reply=lambda asked, _: "451 4.3.0 later" if asked == verb else None) as sink:
            with pytest.raises(smtplib.SMTPException, match="451"):
                send(sink.port, ANNA)
            assert sink.messages == []

    def test_stop_ends_a_session_that_is_still_open(self) -> None:
        with SmtpSink() as sink, socket.create_connection((HOST, sink.port), timeout=10) as client:
            client.recv(100)
            sink.stop()
            assert client.recv(100) == b""


class TestFaultProxy:
    BANNER = b"220 sink.test ESMTP\r\n"

    @pytest.mark.parametrize(
        ("fault", "expected"),
        [
            (Fault(), BANNER),
            (Fault(chunk_octets=1), BANNER),
            (Fault(cut_after=5), BANNER[:5]),
            (Fault(garbage_after=4, garbage=b"!!"), b"220 !!" + BANNER[4:]),
            (Fault(flip_at=0), b"\xcd" + BANNER[1:]),
        ],
        ids=lambda value: None if isinstance(value, bytes) else "fault",
    )
    def test_what_arrives_is_what_the_fault_leaves(self, fault: Fault, expected: bytes) -> None:
        with SmtpSink() as sink, FaultProxy(sink.port, [fault]) as proxy:
            with socket.create_connection((HOST, proxy.port), timeout=10) as client:
                got = b""
                while not got.endswith(b"\r\n") and (data := client.recv(100)):
                    got += data
            assert got == expected

    def test_the_way_up_may_break_as_well(self) -> None:
        with SmtpSink() as sink, FaultProxy(sink.port, [Fault(direction="up", cut_after=3)]) as proxy:
            with socket.create_connection((HOST, proxy.port), timeout=10) as client:
                client.sendall(b"NOOP\r\n")
                assert b"250" not in receive_all(client)
            assert proxy.octets_up == 3

    @pytest.mark.parametrize("fault", [Fault(refuse=True), Fault(reset_after=5)], ids=["refused", "in the midst"])
    def test_a_connection_may_be_reset(self, fault: Fault) -> None:
        with (
            SmtpSink() as sink,
            FaultProxy(sink.port, [fault]) as proxy,
            pytest.raises(ConnectionError),  # the reset may come before we know that we are connected
            socket.create_connection((HOST, proxy.port), timeout=10) as client,
        ):
            receive_all(client)

    def test_a_stalled_connection_stays_open_and_says_no_more(self) -> None:
        with (
            SmtpSink() as sink,
            FaultProxy(sink.port, [Fault(stall_after=5)]) as proxy,
            socket.create_connection((HOST, proxy.port), timeout=0.3) as client,
        ):
            assert client.recv(100) == b"220 s"
            with pytest.raises(TimeoutError):
                client.recv(100)

    def test_delay_and_rate_take_their_time(self) -> None:
        with SmtpSink() as sink, FaultProxy(sink.port, [Fault(delay_s=0.1, rate_octets=210)]) as proxy:
            began = time.monotonic()
            with socket.create_connection((HOST, proxy.port), timeout=10) as client:
                assert client.recv(100) == self.BANNER
            assert time.monotonic() - began >= 0.19  # 0.1 s, and 21 octets at 210 a second

    def test_faults_are_met_in_turn_and_the_last_one_stays(self) -> None:
        with SmtpSink() as sink, FaultProxy(sink.port, [Fault(cut_after=0), Fault()]) as proxy:
            with pytest.raises(smtplib.SMTPServerDisconnected):
                send(proxy.port, ANNA)
            send(proxy.port, ANNA)
            send(proxy.port, ANNA)
            proxy.faults = [Fault(cut_after=0)]
            with pytest.raises(smtplib.SMTPServerDisconnected):
                send(proxy.port, ANNA)
            assert (len(sink.messages), proxy.connections) == (2, 4)
            assert proxy.octets_up > 2 * len(MESSAGE)


@pytest.mark.desktop
class TestDesktop:
    @needs("Xvfb", "trayer", "xwininfo", "xdotool", "import")
    def test_the_display_has_an_empty_tray_and_takes_pictures(self, tmp_path: Path) -> None:
        with Display() as display:
            display.screenshot(tmp_path / "screen.png")
            assert (tmp_path / "screen.png").read_bytes().startswith(b"\x89PNG")
            assert display.tray_icons() == []

    @needs("Xvfb", "trayer", "xwininfo", "xdotool")
    def test_an_icon_in_the_tray_is_found_by_its_title_and_can_be_clicked(self) -> None:
        with Display() as display:
            call = [sys.executable, "-c", ICON]
            with subprocess.Popen(call, env=display.env(), stdout=subprocess.PIPE, text=True) as icon:
                try:
                    wait_for(display.settled, what="the icon")
                    [shown] = display.tray_icons()
                    assert shown.title == "a red square"
                    wait_for(partial(ends_by_a_click, icon, display), what="the icon to hear a click")
                    out, _ = icon.communicate(timeout=30)
                finally:
                    icon.kill()  # or an icon that heard nothing would be waited for without end
            assert out == "clicked\n"

    @needs("dbus-daemon", "dbus-send", "gnome-keyring-daemon", "secret-tool")
    def test_the_bus_keeps_a_secret_where_there_is_a_keyring(self) -> None:
        with SessionBus() as bus:
            bus.store("MailGate test", "s3cret", service="mailgate", account="anna")
            assert bus.lookup(service="mailgate", account="anna") == "s3cret"
            assert bus.lookup(service="mailgate", account="bob") == ""

    @needs("dbus-daemon")
    def test_the_bus_can_be_without_a_keyring(self) -> None:
        with SessionBus(keyring=False) as bus:
            assert bus.socket_path.exists()


class TestCommonGround:
    def test_a_missing_program_skips_a_test_by_name(self) -> None:
        mark = needs("no-such-program").mark
        assert mark.name == "skip"
        assert mark.kwargs["reason"] == "not installed: no-such-program"
        assert find_program("no-such-program") is None
        with pytest.raises(ServerError, match="no-such-program"):
            program("no-such-program")

    @needs("dovecot", root=True)
    @pytest.mark.servers
    def test_a_server_that_does_not_start_says_why_and_leaves_nothing(self) -> None:
        server = Dovecot({ANNA: SECRET})
        server.pop3 = -1
        with pytest.raises(ServerError, match=r"dovecot exited(?s:.*)port"):
            server.start()
        assert not server.dir.name

    @needs("postfix", root=True)
    @pytest.mark.servers
    def test_stop_ends_every_process_and_removes_the_directory(self) -> None:
        with Postfix([ANNA]) as server:
            directory = server.dir
        assert not directory.exists()
        assert not tcp_answers(server.port)
        running = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
        assert str(directory) not in running
