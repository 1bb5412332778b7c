"""The shipped balancers, with three replicas that are restarted, killed and renewed under load."""

import contextlib
import os
import random
import time

import grpc
import pytest

from assay.v1 import lead_pb2, lead_pb2_grpc, scoring_pb2_grpc
from cluster import Balancer, Callers, until
from load import DEADLINE, RATE, Load, scoring
from streams import Streams

BALANCERS = ["haproxy", "nginx", "envoy"]
SEED = int(os.environ.get("CHAOS_SEED", "1"))
SECONDS = float(os.environ.get("CHAOS_SECONDS", "0"))
# A replica that was killed and a call that is on its way: nobody knows who was first.
MOMENT = 0.05
# How long it takes until everybody knows that a replica is gone, or about to go.
NEWS = 1.5
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

    def __init__(self, cluster, load, balancer):
        self.cluster, self.load, self.balancer = cluster, load, balancer
        self.restarts, self.kills = 0, []
        # Calls that were on their way when a replica was killed: those may fail.
        self.at_risk = set()
        self.slowest_share = 0.0

    def pass_calls(self, number: int):
        """Waits until so many more calls have ended."""
        enough = len(self.load.ended) + number
        until(lambda: len(self.load.ended) >= enough, 30, f"{number} more calls")

    def restart(self, replica):
        self.restarts += 1
        replica.begin_to_stop()
        if self.balancer.asks_for_readiness:
            time.sleep(NEWS)
            before = replica.calls()
            time.sleep(MOMENT * 4)
            late = replica.calls() - before
            assert late == 0, f"{replica.name} says that it is not ready, but {late} calls came from the balancer"
        replica.wait_until_stopped()
        self.renew(replica)

    def kill(self, replica):
        begin = time.monotonic()
        self.kills.append(begin)
        replica.kill()
        end = time.monotonic() + MOMENT
        self.pass_calls(RATE)
        until(lambda: all(c.due > end for c in list(self.load.pending)), 2 * DEADLINE, "the end of all earlier calls")
        on_their_way = [c for c in list(self.load.ended) if c.due < end and c.due + c.seconds > begin]
        # Whoever waits for a dead replica must be told at once, not at the deadline.
        self.at_risk.update(c for c in on_their_way if "DEADLINE_EXCEEDED" not in c.problem)
        self.renew(replica)

    def renew(self, replica):
        replica.start()
        replica.wait_until_ready()
        begin, place = time.monotonic(), self.cluster.replicas.index(replica)
        until(lambda: self.cluster.shares(1)[place] >= FAIR, 60, f"{replica.name} getting its share")
        self.slowest_share = max(self.slowest_share, time.monotonic() - begin)

    def explains(self, ended: float) -> bool:
        """Whether a stream that ended then may have been on a replica that was killed."""
        return any(kill < ended < kill + NEWS for kill in self.kills)


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


@pytest.mark.parametrize("name", [*BALANCERS, "callers"] if SECONDS else BALANCERS)
def test_restarts_cost_no_call_and_a_crash_only_what_was_on_its_way(name, cluster, report, tmp_path):
    with Callers() if name == "callers" else Balancer(name, tmp_path) as balancer:
        with Load(balancer.address, name, SEED) as load, Streams(balancer.address) as streams:
            drill = Drill(cluster, load, balancer)
            drill.pass_calls(RATE)
            for what, place in schedule():
                getattr(drill, what)(cluster.replicas[place])

    failed = [f"{call.method}: {call.problem}" for call in load.failed if call not in drill.at_risk]
    # What a restart does to a stream must say "go on with a new one".
    expected = {grpc.StatusCode.UNAVAILABLE, *balancer.hides_unavailable_as()}
    ends = [end for end in streams.ends if end[1] not in expected and not drill.explains(end[0])]
    missing = lost(load.ledger, cluster.replicas[0])
    seconds = sorted(call.seconds for call in load.ended)
    report.append({
        "balancer": name,
        "calls": len(load.ended),
        "p50 ms": round(1000 * seconds[len(seconds) // 2]),
        "p99 ms": round(1000 * seconds[len(seconds) * 99 // 100]),
        "restarts": drill.restarts,
        "failed": len(failed),
        "kills": len(drill.kills),
        "killed on their way": len(load.failed) - len(failed),
        "stream items": streams.answered,
        "reopened": len(streams.ends),
        "unanswered": len(streams.problems),
        "written": len(load.ledger),
        "lost": len(missing),
        "share after s": round(drill.slowest_share, 1),
    })
    problems = {"failed": failed, "streams": streams.problems, "stream ends": ends, "lost": missing}
    assert not any(problems.values()), {what: found[:5] for what, found in problems.items()}


def test_inline_leads_are_scored_while_the_database_is_away(cluster, tmp_path):
    with contextlib.ExitStack() as stack:
        channels = []
        for name in BALANCERS:
            balancer = stack.enter_context(Balancer(name, tmp_path))
            channels.append(stack.enter_context(grpc.insecure_channel(balancer.address)))
        with cluster.database_away():
            for replica in cluster.replicas:
                until(lambda: not replica.admin("/readyz"), 15, f"{replica.name} noticing that the database is away")
            for name, channel in zip(BALANCERS, channels):
                score = lambda: scoring_pb2_grpc.ScoringServiceStub(channel).ScoreLead(scoring(120), timeout=5)
                until(lambda: answers(score), 5, f"{name} passing on what needs no database")
                for _ in range(20):
                    score()
        for replica in cluster.replicas:
            replica.wait_until_ready()


def answers(call) -> bool:
    try:
        return bool(call())
    except grpc.RpcError:
        return False
