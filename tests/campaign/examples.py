"""A pytest plugin: property tests try far more examples than in the usual run (`-p tests.campaign.examples`)."""

from typing import Final

from hypothesis import HealthCheck, settings

EXAMPLES: Final = 2000

settings.register_profile(
    "campaign",
    max_examples=EXAMPLES,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
settings.load_profile("campaign")
