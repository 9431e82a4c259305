"""What the tests of the demo office share: a moment that today's TLS libraries accept, and certificates for it."""

import time
from datetime import UTC, datetime

import pytest

from mailgate.demo.certificates import DemoCertificates, make_certificates


@pytest.fixture(scope="session")
def today() -> datetime:
    return datetime.fromtimestamp(time.time(), UTC)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory, today: datetime) -> DemoCertificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"), today)
