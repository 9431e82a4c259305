"""The one error of this border: whatever octets a parser is fed, it raises this or nothing."""

from mailgate.model.errors import ErrorClass, MailgateError


class WireError(MailgateError):
    """A peer said what its protocol does not allow, or something cannot be said in that protocol.

    The text is one sentence for the operator. It may quote the peer, shortened; it never holds a secret of ours.
    """

    error_class = ErrorClass.PROTOCOL
