"""What a POP3 server's `-ERR` means: by its response code, else by its words, else by what it answered.

Codes: RFC 2449 section 8, RFC 3206. Words are those of servers that give no code; each line of the table says whose.
The order matters: the first line that fits counts.
"""

import re
from typing import Final

from mailgate.model.errors import ErrorClass
from mailgate.wire.pop3 import Status

_CLASS_OF_CODE: Final = {
    "AUTH": ErrorClass.AUTH,  # RFC 3206 section 5
    "IN-USE": ErrorClass.IN_USE,  # RFC 2449 section 8.1.2
    "LOGIN-DELAY": ErrorClass.THROTTLED,  # RFC 2449 section 8.1.1
    "SYS/TEMP": ErrorClass.TEMPORARY,  # RFC 3206 section 4
    "SYS/PERM": ErrorClass.POLICY,  # RFC 3206 section 4
}

_CODE_INSIDE: Final = re.compile(r"\[(AUTH|IN-USE|LOGIN-DELAY|SYS/TEMP|SYS/PERM)(?:/[^]]*)?\]", re.IGNORECASE)

_LOGIN: Final = (
    r"(?:pass ?word|passwort|kennwort|pass ?phrase|user ?name|user ?id|benutzer\w*|credentials?|zugangsdaten|token)"
)
_BAD: Final = r"(?:invalid|wrong|incorrect|bad|unknown|falsch\w*|ung(?:ü|ue)ltig\w*|unbekannt\w*)"
_EXPIRED: Final = r"(?:expired|abgelaufen\w*)"
_BOX: Final = r"(?:mail ?box|mail ?drop|inbox|postfach|spool)"

_WORDS: Final = tuple(
    (re.compile(pattern), meaning)
    for pattern, meaning in (
        # Microsoft (outlook.com): "Exceeded the login limit for a 15 minute period. Reduce the frequency of requests".
        (r"\b(?:exceed\w*|reached|over) (?:\w+ ){0,4}(?:limit|rate|quota)\b", ErrorClass.THROTTLED),
        (r"\b(?:limit|rate|quota) (?:\w+ ){0,3}(?:exceeded|reached)\b", ErrorClass.THROTTLED),
        # Many: "Too many connections", "too many failed logins", "Maximum number of connections".
        (r"\btoo (?:many|often|frequent)\b|\btoo frequently\b", ErrorClass.THROTTLED),
        (r"\bmaximum (?:number of )?(?:\w+ ){0,3}(?:connections|sessions|logins)\b", ErrorClass.THROTTLED),
        # Critical Path and Hotmail of old: "login allowed only every 15 minutes", "minimum time between mail checks".
        (r"\b(?:minimum|least) (?:\w+ ){0,3}between\b|\blog ?in (?:is )?allowed only every\b", ErrorClass.THROTTLED),
        (r"\b(?:login|log-in) (?:rate|frequency|delay)\b|\brate.?limit", ErrorClass.THROTTLED),
        (
            r"\b(?:temporarily|vor(?:ü|ue)bergehend) (?:locked|blocked|suspended|disabled|gesperrt)",
            ErrorClass.THROTTLED,
        ),
        # German providers: "Zu viele Anmeldungen", "zu häufiger Abruf".
        (r"\bzu (?:viele?|oft|h(?:ä|ae)ufig\w*)\b", ErrorClass.THROTTLED),
        # RFC 1939 section 7 itself: "maildrop already locked", "unable to lock maildrop"; Cyrus, Dovecot, hMailServer.
        (rf"\b{_BOX}\b.{{0,60}}\b(?:locked|lock|busy|in[ -]use|gesperrt|belegt|ge(?:ö|oe)ffnet)\b", ErrorClass.IN_USE),
        (rf"\b(?:lock|locked|locking|open|sperren)\b.{{0,40}}\b{_BOX}\b", ErrorClass.IN_USE),
        # Qpopper: "lock busy! Is another session active?"; UW: "Can't get lock. Mailbox in use".
        (
            r"\block(?:ed)? (?:busy|by)\b|\bget lock\b|\b(?:another|other) (?:\w+ )?(?:session|client)\b",
            ErrorClass.IN_USE,
        ),
        (r"\b(?:already|currently) (?:in use|locked|open|logged)\b|\bis in use\b", ErrorClass.IN_USE),
        (r"\bbereits (?:in benutzung|angemeldet|ge(?:ö|oe)ffnet|gesperrt|in verwendung|benutzt)\b", ErrorClass.IN_USE),
        # Dovecot: "Temporary authentication failure." Words about a password come after this and before what follows.
        (r"\btemporary (?:\w+ )?(?:authentication|login|system|server|internal)\b", ErrorClass.TEMPORARY),
        (rf"\b{_EXPIRED}\b.{{0,40}}\b{_LOGIN}\b|\b{_LOGIN}\b.{{0,60}}\b{_EXPIRED}\b", ErrorClass.AUTH_EXPIRED),
        (
            rf"\b{_BAD}\b.{{0,40}}\b{_LOGIN}\b|\b{_LOGIN}\b.{{0,60}}\b(?:{_BAD}|not accepted|rejected)\b",
            ErrorClass.AUTH,
        ),
        (
            r"\b(?:auth\w*|log ?[io]n|logon|anmeldung|sign.?in)\b.{0,20}\b(?:fail\w*|fehlgeschlagen|denied|rejected)\b",
            ErrorClass.AUTH,
        ),
        (r"\bpermission denied\b|\baccess denied\b|\bzugriff verweigert\b", ErrorClass.AUTH),
        # Anybody: "please try again later", "service temporarily unavailable", "zur Zeit nicht verfügbar".
        (
            r"\btemporar(?:y|ily)\b|\bvor(?:ü|ue)bergehend\b|\bzur ?zeit nicht\b|\bmomentan nicht\b",
            ErrorClass.TEMPORARY,
        ),
        (r"\b(?:try|come back|retry) (?:again )?(?:\w+ ){0,3}(?:later|soon)\b|\bsp(?:ä|ae)ter\b", ErrorClass.TEMPORARY),
        (
            r"\b(?:server|system|service) (?:is )?(?:too )?busy\b|\btoo busy\b|\bunavailable\b|\bnicht verf(?:ü|ue)gbar\b",
            ErrorClass.TEMPORARY,
        ),
        (
            r"\b(?:maintenance|wartung\w*|going down|shutting down|internal (?:server )?error|time(?:d)? ?out)\b",
            ErrorClass.TEMPORARY,
        ),
    )
)

_UNSUPPORTED: Final = re.compile(
    r"\b(?:un(?:supported|known|recogni[sz]ed|implemented)|invalid|illegal|bad|no such) "
    r"(?:\w+ ){0,2}(?:command|mechanism|method|type|auth\w*)\b|\bnot (?:supported|implemented|enabled|recogni[sz]ed)\b"
    r"|\b(?:command|mechanism|method|auth\w*)\b.{0,30}\b(?:unsupported|unknown|unrecogni[sz]ed|disabled|not (?:available|allowed))\b"
    r"|\bsyntax error\b"
)


def classify(status: Status, default: ErrorClass) -> ErrorClass:
    """Return what a `-ERR` means; `default` when neither code nor words tell.

    A code counts wherever it stands: some servers put their own words first.
    """
    if (coded := class_of_code(status)) is not None:
        return coded
    text = status.text.casefold()
    return next((meaning for words, meaning in _WORDS if words.search(text)), default)


def class_of_code(status: Status) -> ErrorClass | None:
    """Return what the response code of a `-ERR` means, None where there is none that we know."""
    for code, meaning in _CLASS_OF_CODE.items():
        if status.code == code or status.code.startswith(code + "/"):
            return meaning
    inside = _CODE_INSIDE.search(status.text)
    return _CLASS_OF_CODE[inside[1].upper()] if inside else None


def not_supported(status: Status) -> bool:
    """Return whether a `-ERR` to a login refuses the way of logging in, and not the password.

    Only then may another way be tried: a refused password would count as two failed logins.
    """
    if status.code or _CODE_INSIDE.search(status.text):
        return False
    return _UNSUPPORTED.search(status.text.casefold()) is not None
