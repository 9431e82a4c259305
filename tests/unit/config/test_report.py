from mailgate.config.faults import Fault, Severity, show_path, sort_faults
from mailgate.config.report import report


def fault(line: int, *, severity: Severity = Severity.ERROR, path: str = "fetch.workers") -> Fault:
    return Fault(
        code="T02",
        file="mailgate.toml",
        line=line,
        path=path,
        text="It is wrong.",
        remedy="Mend it.",
        severity=severity,
    )


def test_a_report_tells_each_fault_on_three_lines_and_counts_them() -> None:
    assert report([fault(3), fault(9, severity=Severity.WARNING, path="")]) == (
        "mailgate.toml:3: fetch.workers (T02)\n"
        "    It is wrong.\n"
        "    -> Mend it.\n"
        "\n"
        "mailgate.toml:9: (warning T02)\n"
        "    It is wrong.\n"
        "    -> Mend it.\n"
        "\n"
        "1 fault, 1 warning\n"
    )


def test_a_report_about_nothing_counts_nothing() -> None:
    assert report([]) == "0 faults, 0 warnings\n"


def test_two_are_two() -> None:
    assert report([fault(1), fault(2)]).endswith("2 faults, 0 warnings\n")


def test_a_fault_without_a_path_names_file_and_line_alone() -> None:
    assert str(fault(1, path="")) == "mailgate.toml:1: It is wrong. -> Mend it."


def test_the_same_fault_is_told_once() -> None:
    assert sort_faults([fault(2), fault(1), fault(2)]) == (fault(1), fault(2))


def test_a_path_is_shown_as_people_write_it() -> None:
    assert show_path(("accounts", 1, "port")) == "accounts[1].port"
    assert show_path(("a b", "c.d", 0)) == '"a b"."c.d"[0]'
    assert show_path(()) == ""
