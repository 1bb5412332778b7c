"""The shipped balancers, with three replicas that are restarted, killed and renewed under load."""

import os
import random
import time

import grpc
import pytest

from assay.v1 import lead_pb2, lead_pb2_grpc
from cluster import Balancer, until
from load import RATE, Load
from streams import Streams

SEED = int(os.environ.get("CHAOS_SEED", "1"))
SECONDS = float(os.environ.get("CHAOS_SECONDS", "0"))
# A replica that was killed and a call that is on its way: nobody knows who was first.
MOMENT = 0.05
# Three replicas share the calls; this is near enough to a third.
FAIR = 0.8 / 3


def schedule():
    """What happens to which replica: everything once, or by chance for `CHAOS_SECONDS`."""
    if not SECONDS:
        yield from [("restart", 0), ("restart", 1), ("restart", 2), ("kill", 1)]
        return
    chance, end = random.Random(SEED), time.monotonic() + SECONDS
    while time.monotonic() < end:
        yield chance.choice(["restart", "kill"]), chance.randrange(3)


class Drill:
    """What is done to the replicas while calls come in."""

    def __init__(self, cluster, load):
        self.cluster, self.load = cluster, load
        # Calls that were on their way when a replica was killed: those may fail.
        self.at_risk = set()
        self.restarts = self.kills = 0
        self.slowest_share = 0.0

    def pass_calls(self, number: int):
        """Waits until so many more calls have ended."""
        enough = len(self.load.ended) + number
        until(lambda: len(self.load.ended) >= enough, 30, f"{number} more calls")

    def restart(self, replica):
        self.restarts += 1
        print(time.monotonic(), 'restart', replica.name)
        replica.stop()
        self.renew(replica)

    def kill(self, replica):
        self.kills += 1
        begin = time.monotonic()
        print(time.monotonic(), 'kill', replica.name)
        replica.kill()
        end = time.monotonic() + MOMENT
        self.pass_calls(RATE)
        self.at_risk.update(c for c in self.load.ended if c.due < end and c.due + c.seconds > begin)
        # Whoever waits for the dead replica is told at once, not at its deadline.
        until(lambda: all(c.due > end for c in self.load.pending), 5, "the end of calls on a dead replica")
        self.renew(replica)

    def renew(self, replica):
        replica.start()
        replica.wait_until_ready()
        print(time.monotonic(), 'ready', replica.name)
        begin, place = time.monotonic(), self.cluster.replicas.index(replica)
        until(lambda: self.cluster.shares(1)[place] >= FAIR, 60, f"{replica.name} getting its share")
        self.slowest_share = max(self.slowest_share, time.monotonic() - begin)


def lost(ledger: dict[str, int], replica) -> list[str]:
    """Acknowledged writes that a replica does not know of."""
    stored, token = {}, ""
    with grpc.insecure_channel(f"{replica.host}:50051") as channel:
        leads = lead_pb2_grpc.LeadServiceStub(channel)
        while True:
            page = leads.ListLeads(lead_pb2.ListLeadsRequest(page_size=1000, page_token=token), timeout=30)
            stored |= {lead.name: lead.company.employees for lead in page.leads}
            if not (token := page.next_page_token):
                return [name for name, number in ledger.items() if stored.get(name, -1) < number]


@pytest.mark.parametrize("name", ["haproxy", "nginx", "envoy"])
def test_restarts_cost_no_call_and_a_crash_only_what_was_on_its_way(name, cluster, report, tmp_path):
    address = Balancer.ADDRESS
    with Balancer(name, tmp_path), Load(address, name, SEED) as load, Streams(address) as streams:
        drill = Drill(cluster, load)
        drill.pass_calls(RATE)
        for what, place in schedule():
            getattr(drill, what)(cluster.replicas[place])

    seconds = sorted(call.seconds for call in load.ended)
    unexpected = [f"{call.method} {call.problem}" for call in load.failed if call not in drill.at_risk]
    for e in streams.ends: print(e)
    for c in load.failed: print(c.due, c.due+c.seconds, c.method, c.problem, c in drill.at_risk)
    by = {}
    for c in load.ended: by.setdefault(c.method, []).append(round(1000*c.seconds))
    for m, v in by.items(): v.sort(); print(m, len(v), v[len(v)//2], v[len(v)*99//100], v[-1])
    missing = lost(load.ledger, cluster.replicas[0])
    report.append({
        "balancer": name,
        "calls": len(load.ended),
        "restarts": drill.restarts,
        "kills": drill.kills,
        "failed": len(unexpected),
        "killed on their way": len(load.failed) - len(unexpected),
        "p50 ms": round(1000 * seconds[len(seconds) // 2]),
        "p99 ms": round(1000 * seconds[len(seconds) * 99 // 100]),
        "stream items": streams.answered,
        "reopened": len(streams.ends),
        "acknowledged writes": len(load.ledger),
        "lost": len(missing),
        "share after s": round(drill.slowest_share, 1),
    })
    assert not unexpected and not streams.problems and not missing, (unexpected[:5], streams.problems[:5], missing[:5])
