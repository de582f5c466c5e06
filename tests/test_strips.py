import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crispnet.strips import cores, for_each, strips


@given(st.integers(0, 500), st.integers(1, 90))
def test_strips_cover_every_row_once_and_in_order(height, rows):
    cut = list(strips(height, rows))
    assert [row for strip in cut for row in range(strip.start, strip.stop)] == list(range(height))
    assert all(strip.stop - strip.start <= rows for strip in cut)


@pytest.mark.parametrize("threads", [None, 1, 3])
def test_every_item_is_worked_on_once(threads):
    done = []
    for_each(range(50), done.append, threads=threads)
    assert sorted(done) == list(range(50))


def test_several_threads_work_at_a_time():
    together = threading.Barrier(2, timeout=10)
    for_each(range(2), lambda _: together.wait(), threads=2)  # would time out on one thread


@pytest.mark.parametrize("threads", [1, 2])
def test_a_failure_is_raised_again(threads):
    with pytest.raises(ZeroDivisionError):
        for_each([1, 0, 2], lambda number: 1 / number, threads=threads)


def test_there_is_at_least_one_core():
    assert cores() >= 1
