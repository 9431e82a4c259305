"""The C library is told once how to keep memory; on others than glibc nothing is told."""

import subprocess
import sys

import pytest

from mailgate.adapters.platform.heap import MMAP_THRESHOLD_OCTETS, keep_heap_small

HEAPS = """
import re, sys, threading
from mailgate.adapters.platform.heap import keep_heap_small

if sys.argv[1] == "small":
    assert keep_heap_small()
import ctypes
malloc = ctypes.CDLL(None).malloc
malloc.restype = ctypes.c_void_p

def heap():
    # The heaps of threads begin at a multiple of 64 MB; the first one is the process's own, below the libraries.
    found.append(malloc(100_000))

found = []
threads = [threading.Thread(target=heap) for _ in range(4)]
for one in threads: one.start()
for one in threads: one.join()
first = int(re.search("([0-9a-f]+)-[0-9a-f]+ .*\\\\[heap\\\\]", open("/proc/self/maps").read())[1], 16)
print(sum(0 <= at - first < 1 << 28 for at in found))
"""


def pieces_in_the_first_heap(how: str) -> int:
    done = subprocess.run([sys.executable, "-c", HEAPS, how], capture_output=True, text=True, timeout=60, check=True)
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="glibc alone has heaps for threads")
def test_all_threads_share_one_heap() -> None:
    assert pieces_in_the_first_heap("small") == 4
    assert pieces_in_the_first_heap("as it is") < 4


class Recorded:
    def __init__(self, *, knows: frozenset[int]) -> None:
        self.said: list[tuple[int, int]] = []
        self._knows = knows

    def __call__(self, word: int, value: int) -> int:
        self.said.append((word, value))
        return int(word in self._knows)


def test_both_words_are_said_in_glibcs_numbers() -> None:
    mallopt = Recorded(knows=frozenset({-8, -3}))
    assert keep_heap_small(mallopt)
    assert mallopt.said == [(-8, 1), (-3, MMAP_THRESHOLD_OCTETS)]


@pytest.mark.parametrize("known", [-8, -3])
def test_a_library_that_refuses_a_word_is_told_of(known: int) -> None:
    assert not keep_heap_small(Recorded(knows=frozenset({known})))
