"""A domain name system and a web in memory."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from mailgate.model.errors import ConnectError, ErrorClass
from mailgate.ports.resolver import MailHost, Service
from mailgate.ports.web import Page


@dataclass(slots=True)
class FakeResolver:
    """Answers from what it holds; `failure` is raised instead."""

    hosts: dict[str, tuple[MailHost, ...]] = field(default_factory=dict)
    at: dict[str, tuple[Service, ...]] = field(default_factory=dict)
    failure: ConnectError | None = None
    asked: list[str] = field(default_factory=list)

    async def mail_hosts(self, domain: str) -> tuple[MailHost, ...]:
        self._ask(domain)
        return self.hosts.get(domain, ())

    async def services(self, name: str) -> tuple[Service, ...]:
        self._ask(name)
        return self.at.get(name, ())

    def _ask(self, name: str) -> None:
        self.asked.append(name)
        if self.failure:
            raise self.failure


class FakeWeb:
    """Pages by address, without what follows a `?`. An address that is an error is raised; one that is not there is none."""

    def __init__(self, pages: Mapping[str, bytes | ConnectError] | None = None) -> None:
        self.pages = dict(pages or {})
        self.asked: list[str] = []

    async def get(self, url: str, *, limit_octets: int, timeout: timedelta) -> Page | None:
        self.asked.append(url)
        found = self.pages.get(url.partition("?")[0])
        if isinstance(found, ConnectError):
            raise found
        if found is None:
            return None
        if len(found) > limit_octets:
            raise ConnectError(f"the document has more than {limit_octets} octets", error_class=ErrorClass.SIZE)
        return Page(url, found, url.startswith("https://"))
