"""How the rounds of outgoing mail become their figures, and what MailGate is set to."""

import tomllib
from string import Template

from bench import compare
from bench.figures import Figure
from bench.inbound.measure import Cost
from bench.outbound.office import TEMPLATE
from bench.outbound.rounds import OURS, Load, Sample
from bench.outbound.scenarios import RELAYING, SCENARIOS


def sample(label: str, number: int, wall_s: float, *, cpu_s: float = 1.5, faults: tuple[str, ...] = ()) -> Sample:
    cost = Cost(wall_s=wall_s, cpu_s=cpu_s, machine_cpu_s=2.0, peak_mb=100.0, exit_code=0)
    return Sample(label, number, 1000, wall_s / 2, cost, 0.1, 0.1, 0.0, faults)


def figures(*samples: Sample) -> dict[str, Figure]:
    return {figure.goal.what: figure for figure in compare.figures(RELAYING[0].goals, samples)}


def test_rate_and_cpu_are_compared_within_each_round() -> None:
    found = figures(
        *(sample("postfix", 1, 2.0, cpu_s=2.0), sample(OURS, 1, 1.0, cpu_s=1.0)),
        *(sample("postfix", 2, 6.0, cpu_s=4.0), sample(OURS, 2, 2.0, cpu_s=1.0)),
    )
    assert found["delivered beside postfix"].values == (2.0, 3.0)
    assert found["CPU beside postfix"].values == (0.5, 0.25)


def test_a_round_that_lost_a_message_does_not_count() -> None:
    found = figures(sample("postfix", 1, 2.0), sample(OURS, 1, 1.0, faults=("999 of 1000 messages arrived",)))
    assert found["delivered beside postfix"].values == ()


def test_what_is_accepted_has_a_rate_of_its_own() -> None:
    assert (sample(OURS, 1, 2.0).rate, sample(OURS, 1, 2.0).accepted_rate) == (500.0, 1000.0)


def test_mailgate_is_set_to_ports_and_a_relay_without_tls_and_login_alone() -> None:
    text = Template(TEMPLATE.read_text("utf-8")).substitute(listener_port="1", relay_port="2")
    settings = tomllib.loads(text)
    assert settings.keys() == {"internal", "api", "recipients", "listeners", "relays"}
    assert settings["relays"] == [
        {"name": "smarthost", "host": "127.0.0.1", "port": 2, "security": "none", "login": "none"}
    ]


def test_each_load_is_sent_by_smtp_source_in_sessions_of_one_message_or_of_many() -> None:
    assert "-d" not in Load().command(25, 10)
    assert "-d" in Load(persistent=True).command(25, 10)
    assert {one.load.messages for one in RELAYING[:2]} == {5000}
    assert list(SCENARIOS) == ["sessions", "messages", "far", "far-wide", "memory"]
