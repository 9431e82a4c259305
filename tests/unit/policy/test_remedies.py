"""What an operator is told to do."""

import pytest

from mailgate.model.errors import REMEDIES, ErrorClass
from mailgate.policy.remedies import remedy_for


@pytest.mark.parametrize(
    ("reference", "named"),
    [
        ("keyring:office", "`mailgate secrets set keyring:office`"),
        ("vault:office", "`mailgate secrets set vault:office`"),
        ("file:/run/secrets/office", "the file /run/secrets/office"),
        ("env:OFFICE_PASSWORD", "the environment variable OFFICE_PASSWORD"),
    ],
)
def test_a_refused_login_names_where_the_password_is_kept(reference: str, named: str) -> None:
    assert named in remedy_for(ErrorClass.AUTH, reference)
    assert "NAME" not in remedy_for(ErrorClass.AUTH, reference)


@pytest.mark.parametrize("reference", ["", "geheim", "a:geheim", "keyring:"])
def test_what_is_no_reference_is_never_shown(reference: str) -> None:
    assert remedy_for(ErrorClass.AUTH, reference) == REMEDIES[ErrorClass.AUTH]


@pytest.mark.parametrize("error_class", [one for one in ErrorClass if one is not ErrorClass.AUTH])
def test_other_failures_have_nothing_to_do_with_the_secret(error_class: ErrorClass) -> None:
    assert remedy_for(error_class, "keyring:office") == REMEDIES[error_class]
