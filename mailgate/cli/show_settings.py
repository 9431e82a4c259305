"""What the verbs about settings and teaching print: plain functions from the contract's shapes to text."""

import json
from collections.abc import Sequence
from typing import Any

from mailgate.contract import v1


def items(said: v1.SettingsPage) -> str:
    """Return the names of items, one a line, each with its first other settings."""
    lines = [f"{one.name:30} {_brief(one.values, one.name)}".rstrip() for one in said.items]
    if said.total > len(said.items):
        lines.append(f"... and {said.total - len(said.items)} more")
    return "\n".join(lines) or "there is none"


def section(said: v1.SectionSettings) -> str:
    """Return all settings of a section as the file would write them."""
    shown = {name: value for name, value in said.values.items() if value is not None}
    return "\n".join(f"{name} = {_written(value)}" for name, value in shown.items())


def changed(said: v1.SettingsChanged) -> str:
    """Return what a change came to."""
    lines = [*said.changes] or ["nothing was to be changed"]
    return "\n".join([*lines, *(f"warning: {one}" for one in said.warnings)])


def faults(found: Sequence[v1.SettingFault]) -> str:
    """Return what is wrong with settings."""
    lines = ["Nothing was changed:"]
    for one in found:
        lines += [f"  {one.path}: {one.text}" if one.path else f"  {one.text}", f"    -> {one.remedy}"]
    return "\n".join(lines)


def capability(said: v1.CapabilityReport) -> str:
    """Return what an account's messages show of its provider."""
    lines = [said.text, f"{said.messages} messages are kept, of {said.looked_at} the header could be looked at."]
    if said.unreadable:
        lines.append(f"Of {said.unreadable} it is not kept any more (store.keep_bodies).")
    lines.append(f"{said.unattributed} had nobody to go to.")
    lines.extend(
        f"  {one.name:18} {one.percent:5g} %  one address of yours; in {one.unlike_to} one that To and Cc do not name"
        for one in said.headers
    )
    words = {True: "yes", False: "NO", None: "?"}
    lines += [f"  {words[one.holds]:3} {one.text}" for one in said.points]
    if said.suggestion:
        lines.append(f"`mailgate account report {said.account} --apply` sets it.")
    return "\n".join(lines)


def suggestions(said: v1.Suggestions) -> str:
    """Return what a message offers to be led by, as verbs to type."""
    if not said.suggestions:
        return f"{said.id} offers nothing to be led by."
    lines = [f"{said.id} could be led by:"]
    for one in said.suggestions:
        where = f"({one.field})" if one.own or one.kind != "alias" else f"({one.field}; not in a domain of yours)"
        lines.append(f"  --{one.kind} {_word(one.value)}  {where}")
    return "\n".join(
        [*lines, f"`mailgate teach {said.id} --alias ADDRESS --to RECIPIENT --preview` tells what that does."]
    )


def preview(said: v1.TeachPreview) -> str:
    """Return what a lesson would do."""
    to = ", ".join(said.recipients)
    lines = [f"{said.id} would go to {to} [{said.codes}]" if to else f"{said.id} would still have nobody to go to."]
    lines.append(said.text)
    lines.append(f"Of the last {said.looked_at} messages it would also have led {len(said.caught)}:")
    for one in said.caught:
        before = ", ".join(one.before) or "nobody"
        lines.append(f"  {one.id}  {one.subject[:40]:40}  {before} -> {', '.join(one.after) or 'nobody'}")
    if said.unreadable:
        lines.append(f"{said.unreadable} more could not be looked at: their bodies are not kept.")
    return "\n".join(lines)


def taught(said: v1.TeachReport) -> str:
    """Return what teaching came to."""
    lines = [*said.changes, *(f"{name} was sent on" for name in said.sent)]
    return "\n".join([*lines, *(f"{one.id} was not sent on: {one.why}" for one in said.not_sent)])


def _brief(values: dict[str, Any], name: str) -> str:
    told = (value for value in values.values() if isinstance(value, str) and value and value != name)
    return "  ".join(list(told)[:3])


def _written(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_written, value))}]"
    return json.dumps(value, ensure_ascii=False)


def _word(text: str) -> str:
    return f'"{text}"' if " " in text else text
