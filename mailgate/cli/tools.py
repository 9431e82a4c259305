"""The verbs for setting up: find a provider's servers, and what to set on the internal server."""

from typing import TYPE_CHECKING

from cyclopts import App, Group

from mailgate.cli import show_settings, show_tools
from mailgate.cli.place import FAILED, Asked, with_engine

if TYPE_CHECKING:
    from mailgate.client.http import EngineClient

ASKED = Asked()


def add_tool_verbs(app: App, group: Group) -> None:
    """Add the verbs to `app`."""

    @app.command(group=group)
    def discover(address: str, /, *, asked: Asked = ASKED) -> int:
        """Find the servers behind a mail address, and tell how they were found. Nothing is set up.

        Known providers are found without a network. For others the provider, a public directory (discovery.ispdb_url)
        and the domain name system are asked, and the usual names are tried at last; that takes up to a minute.

        Parameters
        ----------
        address
            A mail address at the provider, such as info@example.org.
        """

        async def ask(engine: "EngineClient") -> int:
            said = await engine.discover(address)
            asked.say(said, show_tools.discovery)
            return 0 if said.proposals else FAILED

        return with_engine(asked, ask)

    relay = App(name="relay", help="List and try the relays that mail of the office goes by.", group=group)
    app.command(relay)

    @relay.command(name="list")
    def relay_list(*, asked: Asked = ASKED) -> int:
        """List the relays, in the order in which they are asked for a message."""

        async def ask(engine: "EngineClient") -> int:
            asked.say(await engine.items("relays", limit=1000), show_settings.items)
            return 0

        return with_engine(asked, ask)

    @relay.command(name="test")
    def relay_test(
        name: str, /, *, sender: str = "", recipient: str = "", send: bool = False, asked: Asked = ASKED
    ) -> int:
        """Try a relay, step by step: its answers to the login, the sender and the recipient.

        Parameters
        ----------
        name
            The relay's name in the settings.
        sender
            Whose mail it is to take; without one, the empty sender of delivery reports.
        recipient
            Whom to ask for. Without --send nothing is sent.
        send
            Send the recipient a test message.
        """

        async def ask(engine: "EngineClient") -> int:
            said = await engine.test_relay(name, sender=sender, recipient=recipient, send=send)
            asked.say(said, show_tools.test_report)
            return 0 if said.ok else FAILED

        return with_engine(asked, ask)

    internal = App(name="internal", help="Try the internal server, and see what to set there.", group=group)
    app.command(internal)

    @internal.command(name="test")
    def internal_test(*recipients: str, asked: Asked = ASKED) -> int:
        """Try the internal server, step by step, and ask it for each recipient. No message is sent.

        Parameters
        ----------
        recipients
            Addresses to ask for; without any, every recipient of the configuration.
        """

        async def ask(engine: "EngineClient") -> int:
            said = await engine.test_internal(recipients)
            asked.say(said, show_tools.internal_report)
            return 0 if said.ok else FAILED

        return with_engine(asked, ask)

    @internal.command(name="kinds")
    def internal_kinds(kind: str = "", /, *, asked: Asked = ASKED) -> int:
        """Tell what to set on the internal server so that mail from MailGate arrives.

        Parameters
        ----------
        kind
            One kind, such as exchange or postfix; without it the kinds are listed.
        """

        async def ask(engine: "EngineClient") -> int:
            said = await engine.internal_kinds()
            chosen = tuple(one for one in said if one.id == kind)
            if kind and not chosen:
                print(f"there is no kind {kind!r}; there are: {', '.join(one.id for one in said)}")
                return FAILED
            asked.say(chosen or said, show_tools.hints if kind else show_tools.kinds)
            return 0

        return with_engine(asked, ask)

    recipient = App(
        name="recipient", help="List, add and change recipients, and send them a test message.", group=group
    )
    app.command(recipient)

    @recipient.command(name="test")
    def recipient_test(address: str, /, *, asked: Asked = ASKED) -> int:
        """Send a real message to a recipient by the queue, as any other mail goes, and tell how it ended.

        Parameters
        ----------
        address
            The recipient's address, or an alias of it.
        """

        async def ask(engine: "EngineClient") -> int:
            said = await engine.test_recipient(address)
            asked.say(said, show_tools.trial_message)
            return 0 if said.ended == "delivered" else FAILED

        return with_engine(asked, ask)
