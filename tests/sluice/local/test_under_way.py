"""The requests that are being answered when a server is asked to stop."""

import threading

import pytest

from sluice.local.under_way import UnderWay


def test_stop_waits_for_what_is_under_way() -> None:
    """And for nothing else."""
    under_way, begun, may_end, ended = UnderWay(), threading.Event(), threading.Event(), []

    def answer() -> None:
        with under_way.one():
            begun.set()
            may_end.wait()
            ended.append(1)

    thread = threading.Thread(target=answer)
    thread.start()
    begun.wait()
    assert not under_way.finish(0.01)
    may_end.set()
    assert under_way.finish(5)
    assert ended == [1]
    thread.join()


def test_request_that_fails_is_done_too() -> None:
    """A server that stops does not wait for it for ever."""
    under_way = UnderWay()
    with pytest.raises(RuntimeError), under_way.one():
        raise RuntimeError
    assert under_way.finish(0)
