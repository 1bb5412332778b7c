"""An open loop of mixed calls, and a ledger of what was acknowledged."""

import asyncio
import random
import threading
import time
from dataclasses import dataclass, field

import grpc

from assay.v1 import lead_pb2, lead_pb2_grpc, profile_pb2, scoring_pb2, scoring_pb2_grpc

RATE = 200
CHANNELS = 4
DEADLINE = 10
WRITES = ("CreateLead", "BatchUpsertLeads")
OPTIONS = [
    # No call is repeated by the client, not even where gRPC deems it safe.
    ("grpc.enable_retries", 0),
    # Each channel has connections of its own.
    ("grpc.use_local_subchannel_pool", 1),
]
# For callers that know all replicas: calls are spread over those that say SERVING. Behind a balancer this would be
# wrong: the watch of a health is a stream, which ends with the replica that happens to have it.
SPREAD = [
    # The name that a list of addresses has by default is none that HTTP allows.
    ("grpc.default_authority", "assay"),
    ("grpc.service_config", '{"loadBalancingConfig": [{"round_robin": {}}], "healthCheckConfig": {"serviceName": ""}}'),
]


def options(address: str) -> list:
    return OPTIONS + SPREAD if "," in address else OPTIONS


PROFILE = profile_pb2.Profile(
    display_name="Mid-market", size_bands=[profile_pb2.SizeBand(min=50, max=500, points_hundredths=1400)]
)


def company(name: str, employees: int) -> lead_pb2.Lead:
    return lead_pb2.Lead(company=lead_pb2.Company(display_name=name, industry="heating", employees=employees))


def scoring(employees: int) -> scoring_pb2.ScoreLeadRequest:
    inline = scoring_pb2.InlineLead(lead=company("Acme", employees))
    return scoring_pb2.ScoreLeadRequest(inline=inline, inline_profile=PROFILE)


@dataclass(eq=False)
class Call:
    method: str
    request: object
    due: float
    seconds: float = 0
    problem: str = ""


@dataclass
class Load:
    """Runs in a thread of its own from `with` to the end of the block."""

    address: str
    prefix: str
    seed: int
    pending: set[Call] = field(default_factory=set)
    ended: list[Call] = field(default_factory=list)
    # What was acknowledged: leads by name, with their highest acknowledged number.
    ledger: dict[str, int] = field(default_factory=dict)

    def __enter__(self):
        self.random, self.names = random.Random(self.seed), []
        self._enough = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._enough.set()
        self._thread.join(timeout=60)
        assert not self._thread.is_alive(), "calls do not end"

    @property
    def failed(self) -> list[Call]:
        return [call for call in self.ended if call.problem]

    async def _run(self):
        channels = [grpc.aio.insecure_channel(self.address, options=options(self.address)) for _ in range(CHANNELS)]
        await asyncio.wait_for(asyncio.gather(*(channel.channel_ready() for channel in channels)), DEADLINE)
        await self._calls(channels)
        await asyncio.gather(*(channel.close() for channel in channels))

    async def _calls(self, channels):
        """Open loop: a call is due at its time, whatever became of those before."""
        begin, number, tasks = time.monotonic(), 0, set()
        while not self._enough.is_set():
            due = begin + number / RATE
            await asyncio.sleep(max(0, due - time.monotonic()))
            call = Call(*self._choose(number), due)
            tasks.add(task := asyncio.create_task(self._call(channels[number % CHANNELS], call)))
            task.add_done_callback(tasks.discard)
            number += 1
        await asyncio.gather(*tasks)

    def _choose(self, number: int):
        kind, lead_id = self.random.random(), f"{self.prefix}-{number}"
        if kind < 0.5:
            return "ScoreLead", scoring(number % 700)
        if kind < 0.7 and self.names:
            return "GetLead", lead_pb2.GetLeadRequest(name=self.random.choice(self.names))
        lead = company(lead_id, number)
        if kind < 0.85:
            return "CreateLead", lead_pb2.CreateLeadRequest(lead=lead, lead_id=lead_id, request_id=lead_id)
        # A lead comes again after a thousand calls, when the write before has long ended.
        lead.external_ids["crm"] = f"{self.prefix}-{number % 1000}"
        item = lead_pb2.UpsertLead(id="it", lead=lead)
        return "BatchUpsertLeads", lead_pb2.BatchUpsertLeadsRequest(system="crm", items=[item], request_id=lead_id)

    async def _call(self, channel, call: Call, again: bool = True):
        self.pending.add(call)
        try:
            await self._send(channel, call)
        except grpc.aio.AioRpcError as error:
            call.problem = f"{error.code().name}: {error.details()}"
        call.seconds = time.monotonic() - call.due
        self.pending.discard(call)
        self.ended.append(call)
        if call.problem and call.method in WRITES and again:
            # What became of it is unknown. Sent again under its id, it must be answered, and not be done twice.
            await self._call(channel, Call(call.method, call.request, time.monotonic()), again=False)

    async def _send(self, channel, call: Call):
        stub = scoring_pb2_grpc.ScoringServiceStub if call.method == "ScoreLead" else lead_pb2_grpc.LeadServiceStub
        answer = await getattr(stub(channel), call.method)(call.request, timeout=DEADLINE)
        if answer is None or not answer.ByteSize():
            call.problem = f"a broken answer: {answer}"
            return
        if call.method == "BatchUpsertLeads":
            [result] = answer.results
            if result.HasField("error"):
                call.problem = f"item: {result.error}"
                return
            answer = result.lead
        if call.method in WRITES:
            if answer.name not in self.ledger:
                self.names.append(answer.name)
            self.ledger[answer.name] = max(answer.company.employees, self.ledger.get(answer.name, 0))
