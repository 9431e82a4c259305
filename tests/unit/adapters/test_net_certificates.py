"""Certificates that are refused, by real handshakes: each says why in one line; a pinned one is good by itself."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from mailgate.adapters.net.certificates import said_of_certificate
from mailgate.adapters.net.dialer import NetDialer
from mailgate.adapters.net.protection import TlsContexts
from mailgate.model.errors import ConnectError, ErrorClass
from mailgate.ports.network import Endpoint, Stream, TlsCheck
from tests.unit.adapters.listening import echo, serving

SECONDS = timedelta(seconds=5)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
OVER = datetime(2021, 3, 4, 5, 6, tzinfo=UTC)
LATER = datetime(2090, 1, 2, 3, 4, tzinfo=UTC)
FAR = datetime(2099, 1, 1, tzinfo=UTC)


class Signer:
    """A certificate with its key: it may sign others, and a server may show it."""

    def __init__(
        self,
        name: str,
        by: "Signer | None" = None,
        *,
        since: datetime = LONG_AGO,
        until: datetime = FAR,
        names: Sequence[str] = (),
        authority: bool = False,
    ) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        signer = by or self
        builder = (
            x509.CertificateBuilder(self.name if by is None else by.name, self.name, self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(since)
            .not_valid_after(until)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.key.public_key()), critical=False)
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName([_name(one) for one in names]), critical=False)
        self.certificate = builder.sign(signer.key, hashes.SHA256())

    @property
    def fingerprint(self) -> str:
        return self.certificate.fingerprint(hashes.SHA256()).hex()

    def file(self, directory: Path, name: str = "") -> str:
        path = directory / (name or f"{self.fingerprint[:16]}.pem")
        path.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))
        return str(path)

    def shown(self, directory: Path, *between: "Signer") -> ssl.SSLContext:
        pem = serialization.Encoding.PEM
        key = self.key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        path = directory / "shown.pem"
        path.write_bytes(b"".join([key, *(one.certificate.public_bytes(pem) for one in (self, *between))]))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context


def _name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(text))
    except ValueError:
        return x509.DNSName(text)


OFFICE = Signer("Office CA", authority=True)


async def _dial(port: int, *, ca_file: str = "", check: TlsCheck = TlsCheck.FULL, fingerprint: str = "") -> Stream:
    endpoint = Endpoint("127.0.0.1", port, tls=True, ca_file=ca_file, check=check, fingerprint=fingerprint)
    return await NetDialer().dial(endpoint, connect_timeout=SECONDS, timeout=SECONDS)


async def _start(port: int, *, ca_file: str = "", check: TlsCheck = TlsCheck.FULL, fingerprint: str = "") -> Stream:
    endpoint = Endpoint("127.0.0.1", port, ca_file=ca_file, check=check, fingerprint=fingerprint)
    stream = await NetDialer().dial(endpoint, connect_timeout=SECONDS, timeout=SECONDS)
    try:
        await stream.start_tls()
    except ConnectError:
        await stream.close()
        raise
    return stream


Reach = Callable[..., Awaitable[Stream]]


@pytest.fixture(params=[_dial, _start], ids=["from the first octet", "on the way"])
def reach(request: pytest.FixtureRequest) -> Reach:
    """Both ways to TLS; `serving` answers to both, since the client speaks first in either."""
    made: Reach = request.param
    return made


async def _refused(reach: Reach, server: ssl.SSLContext, **how: str) -> str:
    async with serving(echo, context=server) as port:
        with pytest.raises(ConnectError) as caught:
            await reach(port, **how)
        assert caught.value.error_class is ErrorClass.CERT
        return str(caught.value).replace(f":{port}", "")


async def _ping(stream: Stream) -> None:
    await stream.write(b"ping")
    assert await stream.read() == b"ping"
    await stream.close()


class TestWords:
    async def test_one_that_has_expired_says_since_when(self, reach: Reach, tmp_path: Path) -> None:
        old = Signer("127.0.0.1", OFFICE, until=OVER, names=["127.0.0.1"])
        said = await _refused(reach, old.shown(tmp_path), ca_file=OFFICE.file(tmp_path))
        assert said == "127.0.0.1: its certificate expired on 2021-03-04 05:06 UTC"

    async def test_one_from_the_future_says_from_when_on(self, reach: Reach, tmp_path: Path) -> None:
        new = Signer("127.0.0.1", OFFICE, since=LATER, names=["127.0.0.1"])
        said = await _refused(reach, new.shown(tmp_path), ca_file=OFFICE.file(tmp_path))
        assert said == (
            "127.0.0.1: its certificate is not valid before 2090-01-02 03:04 UTC; is the clock of this machine right?"
        )

    @pytest.mark.parametrize(
        ("names", "words"),
        [
            (["mail.example", "192.0.2.9"], "mail.example, 192.0.2.9"),
            ([f"{n}.example" for n in range(1, 6)], "1.example, 2.example, 3.example and 2 more"),
            ([], "127.0.0.1 (its subject, it lists no names)"),
        ],
    )
    async def test_one_for_others_says_for_whom(
        self, reach: Reach, tmp_path: Path, names: list[str], words: str
    ) -> None:
        other = Signer("127.0.0.1", OFFICE, names=names)  # an address in the subject counts for nothing
        said = await _refused(reach, other.shown(tmp_path), ca_file=OFFICE.file(tmp_path))
        assert said == f"127.0.0.1: its certificate is for {words}, not for 127.0.0.1"

    async def test_one_of_an_unknown_authority_names_it_and_can_be_pinned(self, reach: Reach, tmp_path: Path) -> None:
        server = Signer("127.0.0.1", OFFICE, names=["127.0.0.1"])
        said = await _refused(reach, server.shown(tmp_path))
        wanted = f"its certificate is from an unknown authority, Office CA; fingerprint {server.fingerprint}"
        assert said == f"127.0.0.1: {wanted}"

    async def test_a_self_signed_one_can_be_pinned(self, reach: Reach, tmp_path: Path) -> None:
        alone = Signer("127.0.0.1", names=["127.0.0.1"])
        said = await _refused(reach, alone.shown(tmp_path))
        assert said == f"127.0.0.1: its certificate is self-signed, fingerprint {alone.fingerprint}"

    async def test_a_chain_that_has_expired_above_is_not_blamed_on_the_server(
        self, reach: Reach, tmp_path: Path
    ) -> None:
        between = Signer("Between", OFFICE, until=OVER, authority=True)
        server = Signer("127.0.0.1", between, names=["127.0.0.1"])
        said = await _refused(reach, server.shown(tmp_path, between), ca_file=OFFICE.file(tmp_path))
        assert said == "127.0.0.1: a certificate above its own has expired"

    async def test_what_a_certificate_says_of_itself_stays_on_the_line_and_short(
        self, reach: Reach, tmp_path: Path
    ) -> None:
        nasty = Signer("Evil\nRoot \x1b[31m" + "x" * 40, authority=True)
        said = await _refused(reach, Signer("a", nasty, names=["127.0.0.1"]).shown(tmp_path))
        assert (said.isprintable(), "Evil?Root ?[31mx" in said, len(said) < 250) == (True, True, True)

    def test_without_the_certificate_openssl_has_the_word(self) -> None:
        bare = ssl.SSLCertVerificationError(1, "certificate verify failed")
        bare.verify_code, bare.verify_message = 10, "certificate has expired"
        assert said_of_certificate(bare, "pop.example")[0] == "its certificate is not good: certificate has expired"


class TestPins:
    @pytest.mark.parametrize("form", ["plain", "colons"])
    async def test_the_pinned_certificate_is_good_whoever_signed_it_and_for_whatever_name(
        self, reach: Reach, tmp_path: Path, form: str
    ) -> None:
        alone = Signer("somebody", until=OVER, names=["mail.example"])
        pin = alone.fingerprint if form == "plain" else alone.certificate.fingerprint(hashes.SHA256()).hex(":").upper()
        async with serving(echo, context=alone.shown(tmp_path)) as port:
            await _ping(await reach(port, fingerprint=pin))

    async def test_another_one_is_refused_even_when_an_authority_vouches_for_it_and_says_its_fingerprint(
        self, reach: Reach, tmp_path: Path
    ) -> None:
        server = Signer("127.0.0.1", OFFICE, names=["127.0.0.1"])
        said = await _refused(
            reach, server.shown(tmp_path), ca_file=OFFICE.file(tmp_path), fingerprint=OFFICE.fingerprint
        )
        assert said == f"127.0.0.1: its certificate is not the pinned one, its fingerprint is {server.fingerprint}"

    async def test_a_pin_counts_where_nothing_else_is_checked(self, reach: Reach, tmp_path: Path) -> None:
        server = Signer("127.0.0.1")
        async with serving(echo, context=server.shown(tmp_path)) as port:
            with pytest.raises(ConnectError, match="not the pinned one"):
                await reach(port, fingerprint=OFFICE.fingerprint, check=TlsCheck.NONE)

    async def test_without_a_check_any_certificate_will_do(self, reach: Reach, tmp_path: Path) -> None:
        async with serving(echo, context=Signer("x", until=OVER).shown(tmp_path)) as port:
            stream = await reach(port, check=TlsCheck.NONE)
            assert stream.tls.startswith("TLSv1.3 TLS_")
            await _ping(stream)


class TestContexts:
    def test_one_context_serves_all_that_ask_for_the_same(self, tmp_path: Path) -> None:
        contexts, ca_file = TlsContexts(), OFFICE.file(tmp_path)
        ways = [
            {},
            {"ca_file": ca_file},
            {"fingerprint": OFFICE.fingerprint},
            {"fingerprint": Signer("x").fingerprint},
            {"check": TlsCheck.NONE},
        ]
        first = [contexts.get(Endpoint("a.example", 995, **way)) for way in ways]  # type: ignore[arg-type]
        again = [contexts.get(Endpoint("b.example", 110, **way)) for way in ways]  # type: ignore[arg-type]
        assert list(map(id, first)) == list(map(id, again))
        assert len(set(map(id, first))) == len(ways)

    async def test_an_authority_that_is_renewed_in_its_file_counts_at_once(self, tmp_path: Path) -> None:
        old, new = Signer("Old CA", authority=True), Signer("The new CA", authority=True)
        dialer = NetDialer()
        async with serving(echo, context=Signer("x", new, names=["127.0.0.1"]).shown(tmp_path)) as port:
            endpoint = Endpoint("127.0.0.1", port, tls=True, ca_file=old.file(tmp_path, "ca.pem"))
            with pytest.raises(ConnectError, match="from an unknown authority, The new CA"):
                await dialer.dial(endpoint, connect_timeout=SECONDS, timeout=SECONDS)
            new.file(tmp_path, "ca.pem")
            await _ping(await dialer.dial(endpoint, connect_timeout=SECONDS, timeout=SECONDS))

    async def test_one_that_nobody_can_read_ends_the_connection(self, tmp_path: Path) -> None:
        async with serving(echo) as port:
            with pytest.raises(ConnectError, match="holds no certificate") as caught:
                await asyncio.wait_for(_start(port, ca_file=str(tmp_path / "none.pem")), 5)
        assert caught.value.error_class is ErrorClass.CONFIG
