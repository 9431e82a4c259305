"""Why a message waits, in the reader's language."""

from mailgate.app.session import Ui
from mailgate.app.words import knows
from mailgate.contract import v1


def told_reason(ui: Ui, reason: v1.Reason | None, text: str) -> str:
    """Return why a message has nobody to go to; in the engine's own words where ours do not fit."""
    if reason is None or not knows(f"why.{reason.code}"):
        return text
    addresses = ", ".join(reason.addresses)
    if reason.more:
        addresses = ui.t("list.more", all=addresses, n=ui.number(reason.more))
    *fields, last = reason.fields or ("",)
    return ui.t(
        f"why.{reason.code}",
        account=reason.account,
        addresses=addresses,
        fields=ui.t("list.and", all=", ".join(fields), last=last) if fields else last,
        n=len(reason.addresses) + reason.more,
    )


def why(ui: Ui, message: v1.Message) -> str:
    """Return why a message is parked."""
    return told_reason(ui, message.reason, message.text)
