"""What routing one message costs with 10,000 recipients and 1,000 accounts: `python3 run.py bench routing`.

Prints the CPU time of one message for several kinds, and of making the table. Nothing is sent or stored.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import cycle

from mailgate.model.routing_options import MailingList
from mailgate.model.settings import Account, Mailbox
from mailgate.policy.recipients import RoutingTable
from mailgate.policy.routing import route

RECIPIENTS = 10_000
ACCOUNTS = 1_000
ROUNDS = 2_000
LIMIT_US = 1_000.0
MANY = "50 own addresses that nobody has"  # looked for in every way there is, each


def offices() -> tuple[list[Account], RoutingTable]:
    """Return 1,000 accounts and 10,000 recipients with keywords of every form, ten of them to an account."""
    accounts = [
        Account(
            name=f"account{n}",
            host="pop.example",
            user=f"box{n}",
            password="env:P",
            own_domains=(f"office{n}.example",),
            provider_hosts=("provider.example",),
            search_subject=True,
            search_display_names=True,
        )
        for n in range(ACCOUNTS)
    ]
    mailboxes = [
        Mailbox(
            address=f"user{n}@office{n % ACCOUNTS}.example",
            # Every tenth serves all accounts: their keywords are looked for in every message.
            accounts=() if n % 10 == 0 else (f"account{n % ACCOUNTS}",),
            aliases=(f"alias{n}@office{n % ACCOUNTS}.example",),
            name=f"Person Number{n}",
            keywords=(f"dept{n}@", f"order{n}-*@office{n % ACCOUNTS}.example", f"*project{n}*", f"matter {n}"),
        )
        for n in range(RECIPIENTS)
    ]
    lists = [MailingList(id=f"*.list{n}.example", recipients=(mailboxes[n].address,)) for n in range(100)]
    return accounts, RoutingTable(mailboxes, lists)


def headers() -> dict[str, str]:
    """Return one header of each kind; `%d` is the number of the account."""
    trace = (
        "Received: from a.example (a.example [192.0.2.1])\n\tby mx.provider.example (Postfix) with ESMTPS id 4X;"
        " Tue, 4 Nov 2025 09:12:44 +0100\nReceived: from pc by mail.a.example with ESMTP id 1; x\n"
    )
    rest = "".join(f"X-Field-{n}: {'a value of some length ' * 3}\n" for n in range(20))
    common = f"{trace}{rest}Message-ID: <1@a.example>\nFrom: Lea <lea@a.example>\n"
    crowd = ", ".join(f"Guest {n} <guest{n}@office%d.example>" for n in range(50))
    return {
        "envelope header": f"X-Original-To: user%d@office%d.example\n{common}To: x@a.example\n",
        "To": f"{common}To: user%d@office%d.example\n",
        "keyword with a star": f"{common}To: order%d-77@office%d.example\n",
        "subject": f"{common}To: x@a.example\nSubject: Re: matter %d and other things that stand in a subject\n",
        "nobody": f"{common}To: gone@office%d.example\nSubject: Something that leads to nobody at all\n",
        MANY: f"{common}To: {crowd}\n",
    }


def cpu_us(work: Callable[[int], object]) -> float:
    """Return the CPU time of one call in microseconds, the mean of many."""
    numbers: Iterator[int] = cycle(range(ACCOUNTS))
    for _ in range(50):
        work(next(numbers))
    before = time.process_time()
    for _ in range(ROUNDS):
        work(next(numbers))
    return (time.process_time() - before) / ROUNDS * 1e6


def main() -> int:
    """Print the figures; 1 when a message takes a millisecond or more, but for that to many that nobody has."""
    before = time.process_time()
    accounts, table = offices()
    made = time.process_time() - before
    before = time.process_time()
    tables = [table.for_account(replace(account)) for account in accounts]
    seen = (time.process_time() - before) / ACCOUNTS
    print(f"table of {RECIPIENTS} recipients: {made:.2f} s once; seen from one account: {seen * 1e6:.0f} us once")
    worst = 0.0
    for kind, header in headers().items():
        texts = [header.replace("%d", str(n)).encode() for n in range(ACCOUNTS)]
        took = cpu_us(lambda n, texts=texts: route(texts[n], tables[n]))  # type: ignore[misc]
        worst = max(worst, 0.0 if kind == MANY else took)
        print(f"{kind:34} {took:7.0f} us")
    return int(worst >= LIMIT_US)
