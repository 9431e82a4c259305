"""What an operator can do about a failure, with the names of his own configuration where they are known."""

from mailgate.config.conditions import error_remedies
from mailgate.config.probes import filled, probe_texts
from mailgate.model.errors import ErrorClass
from mailgate.model.kinds import Words


def remedy_for(error_class: ErrorClass, reference: str = "") -> str:
    """Return the remedy for a failure of `error_class` in English, in one or two sentences; see `remedy_words`."""
    return remedy_words(error_class, reference).en


def remedy_words(error_class: ErrorClass, reference: str = "") -> Words:
    """Return the remedy for a failure of `error_class` in every language.

    For a refused login it names where the password is kept: `reference` is that of the account or server, as the
    configuration has it. What is no reference may be a password in the clear, and is never shown.
    """
    kind, _, name = reference.partition(":")
    if error_class is ErrorClass.AUTH and name:
        secrets = probe_texts().secrets
        match kind:
            case "keyring" | "vault":
                return filled(secrets["stored"], {"reference": reference})
            case "file":
                return filled(secrets["file"], {"reference": name})
            case "env":
                return filled(secrets["env"], {"reference": name})
            case _:
                pass
    return Words(
        en=error_remedies("en")[error_class],
        de=error_remedies("de")[error_class],
        fr=error_remedies("fr")[error_class],
    )
