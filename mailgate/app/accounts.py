"""How an account stands: decisions, from the engine's answer to plain values."""

from dataclasses import dataclass
from datetime import datetime

from mailgate.app.answers import Phrase
from mailgate.app.theme import State
from mailgate.app.words import knows
from mailgate.contract import v1


@dataclass(frozen=True, slots=True)
class Standing:
    """The state of an account in one word (the key of it), and the sentence that says more."""

    state: State
    word: str
    says: Phrase


def standing(account: v1.AccountState, now: datetime | None, *, all_paused: bool = False) -> Standing:
    """Return how an account stands: what keeps mail from coming before what is merely so."""
    if not account.enabled:
        return Standing(State.WAITING, "acc.off", Phrase("acc.off.what"))
    if account.busy:
        says = Phrase("fetch.progress", {"i": account.taken, "n": account.new}) if account.new else Phrase("fetch.busy")
        return Standing(State.ACTIVE, "acc.busy", says)
    if account.given_up:
        return Standing(State.ERROR, "acc.given_up", Phrase("acc.given_up.what"))
    if account.error:
        return Standing(State.ERROR, "acc.error", trouble(account))
    if account.paused:
        until = account.paused_until
        return Standing(
            State.PAUSED, "acc.paused", Phrase("acc.paused.until", {"t": until}) if until else Phrase("acc.paused.what")
        )
    if account.throttled_until is not None and (now is None or account.throttled_until > now):
        return Standing(State.RETRY, "acc.throttled", Phrase("acc.throttled.until", {"t": account.throttled_until}))
    if all_paused:
        return Standing(State.PAUSED, "acc.paused", Phrase("acc.paused.all"))
    if account.last_success is None:
        return Standing(State.WAITING, "acc.new", Phrase("acc.new.what"))
    if account.next_session is None:
        return Standing(State.OK, "acc.fine", Phrase("acc.fine.last", {"t": account.last_success}))
    return Standing(
        State.OK, "acc.fine", Phrase("acc.fine.next", {"t": account.last_success, "u": account.next_session})
    )


def trouble(account: v1.AccountState) -> Phrase:
    """Return what is wrong with an account, in a sentence; the engine's where we have none."""
    values = {"subject": account.name, "host": account.host}
    own = f"cond.account_failing.{account.error_class}"
    return Phrase(own, values) if knows(own) else Phrase(said=account.error)


def remedy(account: v1.AccountState) -> Phrase:
    """Return what to do about it."""
    values = {"subject": account.name, "host": account.host}
    own = f"cond.account_failing.{account.error_class}.fix"
    return Phrase(own, values) if knows(own) else Phrase(said=account.remedy)


def troubled(account: v1.AccountState) -> bool:
    """Return whether an account needs somebody."""
    return account.enabled and (account.given_up or bool(account.error))
