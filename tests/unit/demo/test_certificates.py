"""The throw-away certificates, as a strict verifier sees them."""

import stat
import sys
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store

from mailgate.demo.certificates import DemoCertificates, make_certificates

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def chain(files: DemoCertificates) -> tuple[x509.Certificate, x509.Certificate]:
    return (
        x509.load_pem_x509_certificate(files.ca_file.read_bytes()),
        x509.load_pem_x509_certificate(files.cert_file.read_bytes()),
    )


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1"])
def test_a_strict_verifier_accepts_the_server_under_each_loopback_name(tmp_path: Path, name: str) -> None:
    authority, server = chain(make_certificates(tmp_path, NOW))
    subject = x509.DNSName(name) if name == "localhost" else x509.IPAddress(ip_address(name))
    verifier = PolicyBuilder().store(Store([authority])).time(NOW).build_server_verifier(subject)
    assert verifier.verify(server, []) == [server, authority]


def test_the_certificates_last_from_yesterday_for_a_week(tmp_path: Path) -> None:
    for certificate in chain(make_certificates(tmp_path, NOW)):
        assert certificate.not_valid_before_utc == NOW - timedelta(days=1)
        assert certificate.not_valid_after_utc == NOW + timedelta(days=7)


@pytest.mark.skipif(sys.platform == "win32", reason="file modes are POSIX")
def test_only_the_owner_can_read_the_key(tmp_path: Path) -> None:
    assert stat.S_IMODE(make_certificates(tmp_path, NOW).key_file.stat().st_mode) == 0o600


def test_a_second_call_replaces_the_files(tmp_path: Path) -> None:
    first = chain(make_certificates(tmp_path, NOW))
    assert chain(make_certificates(tmp_path, NOW)) != first
