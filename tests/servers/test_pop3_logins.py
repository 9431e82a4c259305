"""Every way of logging in, at Dovecot."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from mailgate.adapters.net.dialer import NetDialer
from mailgate.intake.fetch.pop3 import Pop3Dialogue
from mailgate.mime.header_hash import header_hash
from mailgate.model.errors import ErrorClass, SessionError
from mailgate.model.settings import Account, AuthMethod, Security
from mailgate.ports.network import Endpoint
from mailgate.ports.secrets import Secret
from tests.servers.base import HOST, needs
from tests.servers.dovecot import Dovecot

ANNA, SECRET = "anna@example.test", "oak and ash"
MESSAGE = b"From: a@peer.test\r\nSubject: folded\r\n here\r\n\r\n.dotted\r\n"
WAIT = timedelta(seconds=20)
WAYS = {
    AuthMethod.AUTO: "SCRAM-SHA-256",
    AuthMethod.SCRAM_SHA_256: "SCRAM-SHA-256",
    AuthMethod.CRAM_MD5: "CRAM-MD5",
    AuthMethod.PLAIN: "PLAIN",
    AuthMethod.LOGIN: "LOGIN",
    AuthMethod.APOP: "APOP",
    AuthMethod.USER: "USER",
}

pytestmark = [pytest.mark.servers, needs("dovecot", root=True)]


_NO_PENALTY = """\
auth_failure_delay = 0
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
"""


class ManyWays(Dovecot):
    """Dovecot with all mechanisms that it has a password for, and those that take tokens and refuse ours."""

    def configure(self) -> None:
        super().configure()
        conf = self.dir / "dovecot.conf"
        more = "plain login cram-md5 scram-sha-256 apop xoauth2 oauthbearer"
        text = conf.read_text().replace("auth_mechanisms = plain login", f"auth_mechanisms = {more}")
        conf.write_text(text + _NO_PENALTY)


@pytest.fixture(scope="module")
def server() -> Iterator[Dovecot]:
    with ManyWays({ANNA: SECRET}, lock_session=False) as running:
        running.put(ANNA, MESSAGE)
        yield running


async def opened(server: Dovecot, security: Security, method: AuthMethod, secret: str) -> Pop3Dialogue:
    port = server.pop3s if security is Security.TLS else server.pop3
    account = Account(name="office", host=HOST, port=port, user=ANNA, password="env:X", security=security, auth=method)
    stream = await NetDialer().dial(
        Endpoint(HOST, port, security is Security.TLS, str(server.ca_file)), connect_timeout=WAIT, timeout=WAIT
    )
    dialogue = Pop3Dialogue(stream)
    try:
        await dialogue.open(account, Secret(secret))
    except SessionError:
        await dialogue.close()
        raise
    return dialogue


@pytest.mark.parametrize("security", [Security.TLS, Security.STARTTLS, Security.NONE])
@pytest.mark.parametrize("method", WAYS)
async def test_a_password_opens_the_mailbox(server: Dovecot, security: Security, method: AuthMethod) -> None:
    dialogue = await opened(server, security, method, SECRET)
    assert dialogue.way == WAYS[method]
    [listed] = await dialogue.list_messages()
    hashes = await dialogue.top_header_hash([listed])
    parts = dialogue.retrieve([listed], window_octets=1000, window_messages=2)
    body = b"".join([part.data async for part in parts])
    assert (body, hashes) == (MESSAGE, {1: header_hash(MESSAGE)})
    assert await dialogue.quit()
    await dialogue.close()


@pytest.mark.parametrize("method", AuthMethod)
async def test_a_wrong_one_does_not(server: Dovecot, method: AuthMethod) -> None:
    with pytest.raises(SessionError) as caught:
        await opened(server, Security.TLS, method, "t0ken")
    assert (caught.value.error_class, "t0ken" in str(caught.value)) == (ErrorClass.AUTH, False)
