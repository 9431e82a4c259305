"""How the rounds of a scenario become its figures."""

from bench.figures import Figure
from bench.inbound.drains import DRAINS
from bench.inbound.measure import Cost
from bench.inbound.rounds import OURS, Sample


def sample(label: str, number: int, wall_s: float, *, faults: tuple[str, ...] = ()) -> Sample:
    cost = Cost(wall_s=wall_s, cpu_s=1.5, machine_cpu_s=2.0, peak_mb=100.0, exit_code=0)
    return Sample(
        label=label,
        round_number=number,
        messages=1000,
        octets=1,
        cost=cost,
        provider_cpu_s=0.1,
        internal_cpu_s=0.1,
        line_cpu_s=0.0,
        faults=faults,
    )


def figures(*samples: Sample) -> dict[str, Figure]:
    return {figure.goal.what: figure for figure in DRAINS[0].figures(samples)}


def test_a_ratio_is_taken_within_each_round() -> None:
    found = figures(sample("fdm", 1, 2.0), sample(OURS, 1, 1.0), sample("fdm", 2, 4.0), sample(OURS, 2, 1.0))
    assert found["rate beside fdm"].values == (2.0, 4.0)
    assert found["CPU of 1,000 messages"].values == (1.5, 1.5)


def test_a_round_in_which_one_of_the_two_failed_is_left_out() -> None:
    found = figures(
        sample("fdm", 1, 2.0), sample(OURS, 1, 1.0, faults=("lost",)), sample("fdm", 2, 3.0), sample(OURS, 2, 1.0)
    )
    assert found["rate beside fdm"].values == (3.0,)


def test_a_peer_that_is_missing_leaves_its_figure_unmeasured() -> None:
    assert figures(sample(OURS, 1, 1.0))["rate beside getmail"].values == ()
