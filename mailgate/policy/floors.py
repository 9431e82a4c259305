"""How often a provider may be asked at most, as far as its preset tells (spec C5, D3)."""

from datetime import timedelta

from mailgate.model.presets import Presets
from mailgate.model.settings import Account


def floor_for(account: Account, presets: Presets) -> timedelta:
    """Return the least time between two sessions that the provider of `account` bears; zero where none is known."""
    preset = presets.by_server(account.host)
    return timedelta(seconds=preset.poll_floor_s if preset else 0)
