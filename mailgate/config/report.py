"""The report of `mailgate check`: faults as an office reads them."""

from collections.abc import Sequence

from mailgate.config.faults import Fault, Severity


def report(faults: Sequence[Fault]) -> str:
    """Return `faults` as text of several lines, in their order, ending with how many there are."""
    blocks = [_block(fault) for fault in faults]
    warnings = sum(fault.severity is Severity.WARNING for fault in faults)
    blocks.append(f"{_count(len(faults) - warnings, 'fault')}, {_count(warnings, 'warning')}")
    return "\n\n".join(blocks) + "\n"


def _block(fault: Fault) -> str:
    where = f"{fault.file}:{fault.line}:"
    if fault.path:
        where += f" {fault.path}"
    kind = "warning " if fault.severity is Severity.WARNING else ""
    return f"{where} ({kind}{fault.code})\n    {fault.text}\n    -> {fault.remedy}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
