"""Makes IMAP connections; the library is imported with the first, since an office without IMAP needs none of it."""

from datetime import timedelta

from mailgate.ports.imap import ImapConnection
from mailgate.ports.network import Stream


class LibraryConnector:
    """Makes connections."""

    def connection(self, stream: Stream, *, patience: timedelta) -> ImapConnection:
        """Return a connection over `stream`."""
        from mailgate.adapters.imap.connection import LibraryConnection  # noqa: PLC0415 see above

        return LibraryConnection(stream, patience)
