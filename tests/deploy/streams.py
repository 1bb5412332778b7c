"""Streams of leads that stay open: when one ends, another is opened, and what is unanswered is sent again."""

import collections
import queue
import threading
import time

import grpc

from assay.v1 import scoring_pb2, scoring_pb2_grpc
from load import DEADLINE, options, scoring

# How long streams pause between their handfuls of items: some are busy, some rest.
PAUSES = [0.05, 0.05, 0.2, 0.2, 1, 6]
HANDFUL = 4


class Streams:
    """Run in threads of their own from `with` to the end of the block."""

    def __init__(self, address: str):
        self.address = address
        self.answered = 0
        # When and how they ended, while their caller did not want it.
        self.ends: list[tuple[float, grpc.StatusCode, str]] = []
        # Items that were answered wrongly, or not at all.
        self.problems: list[str] = []

    def __enter__(self):
        self._enough, self._lock = threading.Event(), threading.Lock()
        self._threads = [threading.Thread(target=self._run, args=each, daemon=True) for each in enumerate(PAUSES)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._enough.set()
        for thread in self._threads:
            thread.join(timeout=2 * DEADLINE)
            assert not thread.is_alive(), "a stream does not end"

    def _run(self, number: int, pause: float):
        sent = 0
        with grpc.insecure_channel(self.address, options=options(self.address)) as channel:
            stream = Stream(channel)
            while not self._enough.is_set():
                items = collections.deque()
                for _ in range(HANDFUL):
                    items.append(scoring_pb2.ScoreLeadsRequest(id=f"{number}-{sent}", request=scoring(sent % 700)))
                    sent += 1
                stream = self._answer(channel, stream, items)
                self._enough.wait(pause)
            stream.items.put(None)

    def _answer(self, channel, stream, items):
        """Sends items until all are answered."""
        end = time.monotonic() + DEADLINE
        while items and time.monotonic() < end:
            for item in items:
                stream.items.put(item)
            try:
                while items:
                    answer = next(stream.answers)
                    with self._lock:
                        if answer.id != items[0].id or not answer.HasField("score"):
                            self.problems.append(f"{items[0].id} was answered by {answer}")
                        self.answered += 1
                    items.popleft()
            except (grpc.RpcError, StopIteration):
                with self._lock:
                    self.ends.append((stream.ended, stream.answers.code(), stream.answers.details()))
                stream.items.put(None)
                stream = Stream(channel)
        if items:
            self.problems.append(f"{len(items)} items were not answered within {DEADLINE} s")
        return stream


class Stream:
    """One call: its items until None, and its answers."""

    def __init__(self, channel):
        self.items = queue.SimpleQueue()
        self.answers = scoring_pb2_grpc.ScoringServiceStub(channel).ScoreLeads(iter(self.items.get, None))
        self.ended = 0.0
        self.answers.add_done_callback(self._end)

    def _end(self, _):
        """A stream may end while its caller pauses."""
        self.ended = time.monotonic()
