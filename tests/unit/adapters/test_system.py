"""What this machine says of itself."""

from collections.abc import Mapping

import pytest

from mailgate.adapters.platform.system import machine_language


@pytest.mark.parametrize(
    ("environment", "system", "language"),
    [
        ({"LANG": "de_DE.UTF-8"}, "", "de"),
        ({"LC_ALL": "fr_CA", "LANG": "de_DE"}, "", "fr"),
        ({"LC_ALL": "", "LANG": "C.UTF-8"}, "", "en"),
        ({}, "German_Germany", "de"),
        ({}, "French_France", "fr"),
        ({}, "it_IT", "en"),
        ({}, "", "en"),
    ],
)
def test_the_language_is_that_of_the_machine_where_there_are_words_for_it(
    environment: Mapping[str, str], system: str, language: str
) -> None:
    assert machine_language(environment, system) == language
