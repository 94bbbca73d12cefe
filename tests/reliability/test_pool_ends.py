"""Pools of processes end, whatever their processes are doing."""

import multiprocessing
import sys
import time
from concurrent.futures import ProcessPoolExecutor

from experiments.executor import end, start_worker

SIZE = 300_000_000


def test_a_pool_ends_while_a_result_is_on_its_way():
    pool = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), start_worker)
    pool.submit(bytes, SIZE)
    manager, results = pool._executor_manager_thread, pool._result_queue
    deadline = time.monotonic() + 60
    while not receiving(manager):
        assert time.monotonic() < deadline, "no result came"
        time.sleep(0.001)
    try:
        end(pool)
        assert not manager.is_alive()  # else the interpreter would wait for it, for ever
    finally:
        results._writer.close()


def receiving(thread):
    """Whether a thread is about to read what another process sends."""
    frame = sys._current_frames().get(thread.ident)
    while frame is not None:
        if frame.f_code.co_name == "_recv":
            return True
        frame = frame.f_back
    return False
