"""The templates of MailGate's own messages: ours, an office's own, and what is wrong with those."""

from pathlib import Path

import pytest

from mailgate.config.templates import (
    MAX_TEMPLATE_OCTETS,
    TemplateError,
    load_templates,
    parse_template,
    shipped_templates,
)
from mailgate.model.notices import ALLOWED, LANGUAGES, MAX_REPLY_CHARS, PLACEHOLDERS, NoticeKind


def own(data: Path, text: str | bytes, name: str = "de/test.txt") -> Path:
    path = data / "templates" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_there_is_every_kind_in_every_language() -> None:
    assert set(shipped_templates()) == {(language, kind) for language in LANGUAGES for kind in NoticeKind}


def test_every_placeholder_that_a_kind_may_name_is_described() -> None:
    assert frozenset().union(*ALLOWED.values()) == set(PLACEHOLDERS)


def test_no_own_templates_means_ours(tmp_path: Path) -> None:
    loaded = load_templates(tmp_path)
    assert (loaded.templates, loaded.faults) == (shipped_templates(), ())


def test_an_own_template_takes_the_place_of_ours(tmp_path: Path) -> None:
    own(tmp_path, "Subject: Probe\r\n\r\nHallo %{recipient}.\r\n")
    loaded = load_templates(tmp_path)
    template = loaded.templates["de", NoticeKind.TEST]
    assert (template.subject, template.text, loaded.faults) == ("Probe", "Hallo %{recipient}.\n", ())
    assert loaded.templates["fr", NoticeKind.TEST] == shipped_templates()["fr", NoticeKind.TEST]


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("Subject: x\n\nHello %{recipent}\n", 3, "`%{recipent}`"),
        ("Subject: %{size}\n\nHello\n", 1, "`%{size}`"),
        ("Subject: x\n\nHello %{recipient\n", 3, "does not end"),
        ("Subject: x\nBcc: y@z\n\nHello\n", 2, "`Bcc: y@z`"),
        ("Hello\n", 1, "does not belong into the header"),
        ("Subject:\n\nHello\n", 1, "no subject"),
        ("Subject: x\n", 2, "no text"),
        ("\n\nHello\n", 1, "no subject"),
        (b"Subject: x\n\n\xfc\n", 3, "UTF-8"),
        ("Subject: x\n\n" + "x" * MAX_TEMPLATE_OCTETS, 1, "larger than"),
    ],
)
def test_a_fault_is_told_with_its_line_and_ours_is_used(
    tmp_path: Path, text: str | bytes, line: int, said: str
) -> None:
    path = own(tmp_path, text)
    loaded = load_templates(tmp_path)
    [fault] = loaded.faults
    assert (fault.file, fault.line) == (str(path), line)
    assert said in fault.text
    assert loaded.templates == shipped_templates()


def test_a_misspelt_placeholder_gets_the_one_that_was_meant() -> None:
    with pytest.raises(TemplateError) as told:
        parse_template("Subject: x\n\nHello %{recipent}\n", NoticeKind.TEST)
    assert "Did you mean `%{recipient}`?" in told.value.remedy


def test_a_file_that_nothing_reads_is_told(tmp_path: Path) -> None:
    own(tmp_path, "Subject: x\n\ny\n", "de/overzise.txt")
    own(tmp_path, "Subject: x\n\ny\n", "it/test.txt")
    assert len(load_templates(tmp_path).faults) == 2


def test_an_answer_by_smtp_is_a_text_without_a_subject(tmp_path: Path) -> None:
    own(tmp_path, "%{sender} darf das\r\nnicht.\r\n", "de/may-not-send.txt")
    loaded = load_templates(tmp_path)
    template = loaded.templates["de", NoticeKind.MAY_NOT_SEND]
    assert (template.subject, template.text, loaded.faults) == ("", "%{sender} darf das nicht.\n", ())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Subject: x\n\nNo.\n", "no subject"),
        (" \n", "no text"),
        ("x" * (MAX_REPLY_CHARS + 1), "may have 400"),
        ("%{size}", "`%{size}`"),
    ],
)
def test_an_answer_that_is_none_is_told(tmp_path: Path, text: str, said: str) -> None:
    own(tmp_path, text, "de/may-not-send.txt")
    [fault] = load_templates(tmp_path).faults
    assert (fault.line, said in fault.text) == (1, True)
