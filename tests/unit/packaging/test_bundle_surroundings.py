"""What the executables mend of their surroundings before anything else runs."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

SOURCE = Path(__file__).parents[3] / "packaging" / "pyinstaller" / "surroundings.py"
BUNDLE = "/opt/mailgate/_internal"
BUILT_IN = ("/usr/lib/ssl/cert.pem", "/usr/lib/ssl/certs")


@pytest.fixture(scope="module")
def surroundings() -> ModuleType:
    spec = importlib.util.spec_from_file_location("surroundings", SOURCE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"LD_LIBRARY_PATH": BUNDLE}, {}),
        ({"LD_LIBRARY_PATH": f"{BUNDLE}:/a", "LD_LIBRARY_PATH_ORIG": "/a"}, {"LD_LIBRARY_PATH": "/a"}),
        ({"LD_LIBRARY_PATH": "/a"}, {"LD_LIBRARY_PATH": "/a"}),
        ({"PATH": "/bin"}, {"PATH": "/bin"}),
    ],
)
def test_programs_that_it_starts_get_the_linkers_path_of_the_user(
    surroundings: ModuleType, before: dict[str, str], after: dict[str, str]
) -> None:
    surroundings.free_children(before, BUNDLE)
    assert before == after


@pytest.mark.parametrize(
    ("environ", "there", "named"),
    [
        ({}, set(), None),
        ({}, {"/etc/pki/tls/certs/ca-bundle.crt"}, "/etc/pki/tls/certs/ca-bundle.crt"),
        ({}, {"/usr/lib/ssl/certs", "/etc/ssl/certs/ca-certificates.crt"}, None),
        ({"SSL_CERT_FILE": "/mine"}, {"/etc/ssl/ca-bundle.pem"}, "/mine"),
    ],
)
def test_trusted_roots_are_found_where_this_distribution_keeps_them(
    surroundings: ModuleType, environ: dict[str, str], there: set[str], named: str | None
) -> None:
    surroundings.find_roots(environ, BUILT_IN, there.__contains__)
    assert environ.get("SSL_CERT_FILE") == named
