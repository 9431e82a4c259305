"""Finding servers on a name system and a web in memory."""

from dataclasses import dataclass, field

import pytest

from mailgate.config.presets import shipped_presets
from mailgate.engine.discovery import Discovered, Discovery
from mailgate.model.errors import AddressError, ConnectError, ErrorClass
from mailgate.policy.discovery import Source
from mailgate.ports.resolver import MailHost, Service
from tests.fakes.clock import FakeClock
from tests.fakes.names import FakeResolver, FakeWeb
from tests.fakes.network import FakeDialer, FakeMailbox

ADDRESS = "anna@office.example"
DB = "https://db.example/v1.1/"
AUTOCONFIG = "https://autoconfig.office.example/mail/config-v1.1.xml"
WELL_KNOWN = "https://office.example/.well-known/autoconfig/mail/config-v1.1.xml"


def document(host: str = "pop.host.example") -> bytes:
    return (
        "<clientConfig version='1.1'><emailProvider id='x'><displayName>Host</displayName><incomingServer type='pop3'>"
        f"<hostname>{host}</hostname><socketType>SSL</socketType><username>%EMAILADDRESS%</username></incomingServer>"
        "</emailProvider></clientConfig>"
    ).encode()


@dataclass(slots=True)
class World:
    resolver: FakeResolver = field(default_factory=FakeResolver)
    web: FakeWeb = field(default_factory=FakeWeb)
    dialer: FakeDialer = field(default_factory=FakeDialer)
    ispdb_url: str = DB

    async def find(self, address: str = ADDRESS) -> Discovered:
        discovery = Discovery(
            shipped_presets(),
            resolver=self.resolver,
            web=self.web,
            dialer=self.dialer,
            clock=FakeClock(),
            ispdb_url=self.ispdb_url,
        )
        return await discovery.run(address)


def sources(found: Discovered) -> list[Source]:
    return [one.source for one in found.proposals]


async def test_a_known_provider_is_found_without_asking_anybody() -> None:
    world = World()
    found = await world.find("anna@GMX.de")
    assert sources(found) == [Source.PRESET]
    assert [(one.host, one.user) for one in found.proposals[0].incoming][:1] == [("pop.gmx.net", "anna@gmx.de")]
    assert (world.web.asked, world.resolver.asked, world.dialer.dialled) == ([], [], [])


async def test_what_the_provider_says_comes_before_all_others() -> None:
    world = World(FakeResolver(hosts={"office.example": (MailHost("mx00.ionos.de", 10),)}))
    world.web.pages = {DB + "office.example": document("db.example"), WELL_KNOWN: document(), AUTOCONFIG: document()}
    world.resolver.at = {"_pop3s._tcp.office.example": (Service("pop.office.example", 995),)}
    found = await world.find()
    assert sources(found) == [Source.AUTOCONFIG, Source.WELL_KNOWN, Source.ISPDB, Source.MX, Source.SRV]
    assert world.dialer.dialled == []
    assert [step.source for step in found.steps] == sorted((s.source for s in found.steps), key=list(Source).index)


async def test_the_clear_is_asked_only_when_tls_brings_nothing_and_never_gets_the_address() -> None:
    world = World()
    clear = AUTOCONFIG.replace("https", "http")
    world.web.pages = {
        AUTOCONFIG: ConnectError("its certificate is not good", error_class=ErrorClass.CERT),
        clear: document(),
    }
    found = await world.find()
    [proposal] = found.proposals
    assert "in the clear" in proposal.needs_yes
    assert clear in world.web.asked
    assert [url for url in world.web.asked if url.startswith("http:") and "anna" in url] == []
    assert "its certificate is not good" in [step.words.en for step in found.steps]


async def test_a_good_document_is_not_asked_for_in_the_clear() -> None:
    world = World(web=FakeWeb({AUTOCONFIG: document()}))
    await world.find()
    assert AUTOCONFIG.replace("https", "http") not in world.web.asked


async def test_the_host_that_takes_the_mail_tells_the_provider() -> None:
    world = World(FakeResolver(hosts={"office.example": (MailHost("mx00.kundenserver.de", 10),)}))
    found = await world.find()
    [proposal] = found.proposals
    assert (proposal.source, proposal.title) == (Source.MX, "IONOS (1&1)")
    assert proposal.incoming[0].user == ADDRESS
    assert [step.words.en for step in found.steps if step.source is Source.MX] == [
        "mx00.kundenserver.de takes its mail: IONOS (1&1)"
    ]


async def test_the_directory_is_asked_for_the_domain_of_a_strange_mail_host() -> None:
    world = World(FakeResolver(hosts={"office.example": (MailHost("mx1.eu.host.example", 10),)}))
    world.web.pages = {DB + "host.example": document()}
    found = await world.find()
    assert sources(found) == [Source.MX]
    asked = [url for url in world.web.asked if url.startswith(DB)]
    assert asked == [DB + "office.example", DB + "eu.host.example", DB + "host.example"]


async def test_without_a_directory_the_mail_host_is_told_to_nobody() -> None:
    world = World(FakeResolver(hosts={"office.example": (MailHost("mx1.host.example", 10),)}), ispdb_url="")
    await world.find()
    assert [url for url in world.web.asked if "office.example" not in url] == []


async def test_services_outside_the_domain_need_a_yes_unless_they_are_signed() -> None:
    world = World()
    world.resolver.at = {
        "_pop3s._tcp.office.example": (Service("pop.host.example", 995),),
        "_submissions._tcp.office.example": (Service("smtp.host.example", 465, signed=True),),
    }
    [proposal] = (await world.find()).proposals
    assert proposal.needs_yes == "pop.host.example lies outside office.example, and the answer is not signed"
    world.resolver.at["_pop3s._tcp.office.example"] = (Service("pop.host.example", 995, signed=True),)
    [proposal] = (await world.find()).proposals
    assert (proposal.needs_yes, [one.host for one in proposal.outgoing]) == ("", ["smtp.host.example"])


async def test_names_are_guessed_when_nothing_else_is_found() -> None:
    world = World(dialer=FakeDialer({"pop3.office.example": FakeMailbox()}))
    found = await world.find()
    [proposal] = found.proposals
    assert [(one.host, one.port) for one in proposal.incoming] == [("pop3.office.example", 995)]
    assert proposal.source is Source.GUESS
    assert [step.words.en for step in found.steps if step.ok] == ["it speaks pop3, TLSv1.3 TLS_AES_256_GCM_SHA384"]


async def test_a_name_that_speaks_another_protocol_is_no_find() -> None:
    world = World(dialer=FakeDialer({"imap.office.example": FakeMailbox(), "smtp.office.example": FakeMailbox()}))
    found = await world.find()
    assert found.proposals == ()
    assert [step.words.en for step in found.steps if "another protocol" in step.words.en]


async def test_a_dead_network_is_told_step_by_step() -> None:
    world = World(FakeResolver(failure=ConnectError("no name server answers", error_class=ErrorClass.DNS)))
    world.dialer.failure = ConnectError("nobody there")
    found = await world.find()
    assert found.proposals == ()
    assert {step.source for step in found.steps} == set(Source)
    assert [step for step in found.steps if step.ok] == []


async def test_a_document_that_is_none_is_told_and_the_others_count() -> None:
    world = World(web=FakeWeb({AUTOCONFIG: b"<html/>", WELL_KNOWN: document()}))
    found = await world.find()
    assert sources(found) == [Source.WELL_KNOWN]
    assert "the document is no client configuration: it has no <emailProvider>" in [
        step.words.en for step in found.steps
    ]


@pytest.mark.parametrize("text", ["anna", "anna@[192.0.2.1]", "anna@localhost", "", "@office.example"])
async def test_what_is_no_address_at_a_provider_is_refused(text: str) -> None:
    with pytest.raises(AddressError):
        await World().find(text)
