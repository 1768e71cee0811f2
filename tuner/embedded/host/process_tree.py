"""What is known of a worker and its children: CPU time, memory, state; and how they are ended.

Linux is read from ``/proc`` and from the CPU clock of the other process (well
under a millisecond a look); elsewhere psutil tells, more coarsely.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil

from tuner.embedded.host.watchdog import open_mount_namespace, relatives

CLOCK_LAG_S = 0.005
"""How far the CPU clock of a running process may lag behind: one tick of a kernel with HZ=250, and a bit."""

_CHILDREN_EVERY_S = 0.01
_STOP_PATIENCE_S = 0.02
_STOP_LOOK_S = 0.00005
_MOST_THREADS_LOOKED_AT = 32
_MANY_DELAYS_EVERY_S = 0.02
_KILL_ROUNDS = 20
_KILL_LOOK_S = 0.001
_CHILDREN_KNOWN_FOR_S = 1.0


def _signal_quietly(pid: int, number: int, *, group: bool = False) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        (os.killpg if group else os.kill)(pid, number)


class _SignalledTree:
    """A worker, leader of its own session and process group, and what it started: what both ways share of it."""

    def __init__(self, worker: subprocess.Popen[bytes], mark: str) -> None:
        self.worker = worker
        self._mark = mark.encode()
        self._namespace = open_mount_namespace(worker.pid)
        self.pid = worker.pid
        self.peak_bytes = 0
        self._children_read_at = 0.0

    def children(self) -> list[int]:
        """Every descendant's pid."""
        raise NotImplementedError

    def signal(self, number: int) -> None:
        """Send a signal to the whole tree."""
        if self.worker.poll() is None:
            _signal_quietly(self.pid, number, group=True)
        for pid in self.children():
            if _group_of(pid) != self.pid:
                _signal_quietly(pid, number)

    def resume(self) -> None:
        """Let every process go on."""
        self.signal(signal.SIGCONT)

    def kill(self) -> None:
        """End every process, also stopped ones and those that left the group; returns when the worker is reaped."""
        if self.worker.poll() is None:  # else the number may be another process's by now
            # The worker goes last: it is stopped, and the parent of every daemon, so none gets out of sight.
            _signal_quietly(self.pid, signal.SIGSTOP)
            for _ in range(_KILL_ROUNDS):
                self._children_read_at = 0.0
                living = [pid for pid in self.children() if self._is_living(pid)]
                for pid in living:
                    _signal_quietly(pid, signal.SIGKILL)
                if not living:
                    break
                time.sleep(_KILL_LOOK_S)
            _signal_quietly(self.pid, signal.SIGKILL, group=True)
        elif time.monotonic() - self._children_read_at < _CHILDREN_KNOWN_FOR_S:  # the numbers are still theirs
            for pid in self.last_children():
                _signal_quietly(pid, signal.SIGKILL)
        # Only now the slow look for daemons of a worker that ended by itself: they are nobody's children.
        namespace, self._namespace = self._namespace, None
        for pid in relatives(self.pid, self._mark, namespace):
            _signal_quietly(pid, signal.SIGKILL)
        if namespace is not None:
            os.close(namespace)
        self.worker.wait()

    def last_children(self) -> list[int]:
        """Every descendant's pid as last read."""
        raise NotImplementedError

    def _is_living(self, pid: int) -> bool:
        with contextlib.suppress(psutil.Error):
            return bool(psutil.Process(pid).status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD))
        return False


def _group_of(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except OSError:
        return None


class LinuxProcessTree(_SignalledTree):
    """Reads ``/proc`` and the process CPU clock."""

    def __init__(self, worker: subprocess.Popen[bytes], mark: str) -> None:
        super().__init__(worker, mark)
        self._clock_s: dict[int, float] = {}
        self._reaped_s = 0.0
        self._children: list[int] = []
        self._core_count = os.cpu_count() or 1
        self._lock = threading.Lock()
        self._delay_ns = 0
        self._delay_of_ns: dict[str, int] = {}
        self._turns_of: dict[str, int] = {}
        self._delays_read_at_s = 0.0

    def children(self) -> list[int]:
        """Every descendant's pid, read at most every 10 ms."""
        now = time.monotonic()
        if now - self._children_read_at >= _CHILDREN_EVERY_S:
            self._children = self._read_children()
            self._children_read_at = now
        return self._children

    def last_children(self) -> list[int]:
        """Every descendant's pid as last read."""
        return self._children

    def _read_children(self) -> list[int]:
        found: list[int] = []
        to_read = [self.pid]
        while to_read:
            pid = to_read.pop()
            try:
                tasks = _names(f"/proc/{pid}/task")
            except OSError:
                continue
            for task in tasks:
                try:
                    text = _read(f"/proc/{pid}/task/{task}/children")
                except FileNotFoundError:
                    if pid == self.pid and Path(f"/proc/{pid}/task/{task}").exists():
                        return _children_by_psutil(self.pid)  # a kernel without CONFIG_PROC_CHILDREN
                    continue
                except OSError:
                    continue
                pids = [int(word) for word in text.split()]
                found += pids
                to_read += pids
        return found

    def cpu_s(self) -> float:
        """CPU seconds of the tree. Lags by up to a tick for a running process, exact for a stopped or sleeping one."""
        with self._lock:
            # The worker's own clock keeps its last value when it has ended.
            running = {self.pid}
            for pid in (self.pid, *self.children()):
                # The CPU clock of another process: CPUCLOCK_SCHED (2) over ~pid (clock_getcpuclockid(3)).
                # The list of children may be old: one without a clock has been reaped, and is not counted twice.
                with contextlib.suppress(OSError):
                    self._clock_s[pid] = time.clock_gettime((~pid << 3) | 2)
                    running.add(pid)
            ended_s = sum(clock_s for pid, clock_s in self._clock_s.items() if pid not in running)
            running_s = sum(self._clock_s.get(pid, 0.0) for pid in running)
            # Children too short-lived to be seen are in what the worker has reaped.
            return running_s + max(ended_s, self._reaped_s)

    def threads(self) -> tuple[int, int]:
        """How many threads there are, and how many of them are running or ready to run (state R)."""
        thread_count = running_count = 0
        for pid in (self.pid, *self.children()):
            state, count = self._state(pid)
            thread_count += count
            if count <= 1:
                running_count += state == b"R"
            elif count > _MOST_THREADS_LOOKED_AT:
                running_count += self._core_count
            else:
                running_count += self._running_threads(pid)
        return thread_count, min(running_count, self._core_count)

    def _state(self, pid: int) -> tuple[bytes, int]:
        try:
            fields = _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
        except OSError:
            return b"X", 0
        if pid == self.pid:
            self._reaped_s = (int(fields[13]) + int(fields[14])) / _CLOCK_TICKS
        return fields[0], 0 if fields[0] == b"Z" else int(fields[17])

    @staticmethod
    def _running_threads(pid: int) -> int:
        running_count = 0
        with contextlib.suppress(OSError):
            for task in _names(f"/proc/{pid}/task"):
                with contextlib.suppress(OSError):
                    running_count += _read(f"/proc/{pid}/task/{task}/stat").rpartition(b")")[2][1:2] == b"R"
        return running_count

    def stop(self) -> bool:
        """Stop the tree; the kernel reports the stop when all threads of the worker have stopped.

        A worker that is just starting a child (vfork) does not stop before the
        child has begun its program, and the child may be stopped already: then
        neither runs, and there is nothing to wait for.

        Returns:
            Whether the stop was reported, or the worker has ended.
        """
        self.signal(signal.SIGSTOP)
        give_up_at_s = time.monotonic() + _STOP_PATIENCE_S
        with contextlib.suppress(ChildProcessError):
            # WNOWAIT leaves the exit status to whoever reaps the worker.
            while os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
                if time.monotonic() > give_up_at_s:
                    return False
                time.sleep(_STOP_LOOK_S)
        return True

    def memory_bytes(self) -> int:
        """Resident memory of the worker; the proportional sum (PSS) once it has children."""
        children = self.children()
        if not children:
            try:
                used_bytes = int(_read(f"/proc/{self.pid}/statm").split()[1]) * _PAGE_BYTES
            except (OSError, IndexError):
                used_bytes = 0
        else:
            used_bytes = sum(_proportional_bytes(pid) for pid in (self.pid, *children))
        self.peak_bytes = max(self.peak_bytes, used_bytes)
        return used_bytes

    def peak_memory_bytes(self) -> int:
        """The kernel's own high-water mark of the worker, or the most that was seen of the tree."""
        with contextlib.suppress(OSError):
            for line in _read(f"/proc/{self.pid}/status").splitlines():
                if line.startswith(b"VmHWM:"):
                    self.peak_bytes = max(self.peak_bytes, int(line.split()[1]) * 1024)
        return self.peak_bytes

    def run_delay_s(self) -> float | None:
        """Seconds that the threads, each for itself, had no core, as far as it was seen; ``None`` if unknown.

        It is the second field of ``schedstat``: nanoseconds on a run queue
        (Linux, Documentation/scheduler/sched-stats.rst). A wait is added when
        it is over; a stopped or sleeping thread waits for no core.
        """
        now_s = time.monotonic()
        if len(self._delay_of_ns) > _MOST_THREADS_LOOKED_AT and now_s < self._delays_read_at_s + _MANY_DELAYS_EVERY_S:
            return self._delay_ns / 1e9
        self._delays_read_at_s = now_s
        for pid in (self.pid, *self.children()):
            with contextlib.suppress(OSError):
                for task in _names(f"/proc/{pid}/task"):
                    try:
                        fields = _read(f"/proc/{pid}/task/{task}/schedstat").split()
                    except OSError:
                        if not Path("/proc/self/schedstat").exists():
                            return None  # a kernel without CONFIG_SCHED_INFO
                        continue
                    delay_ns, self._turns_of[task] = int(fields[1]), int(fields[2])
                    before_ns = self._delay_of_ns.get(task, 0)
                    # Less than before: the number is another thread's now.
                    self._delay_ns += delay_ns - before_ns if delay_ns >= before_ns else delay_ns
                    self._delay_of_ns[task] = delay_ns
        return self._delay_ns / 1e9

    def turn_count(self) -> int | None:
        """How often its threads had got a core when :meth:`run_delay_s` was last read: the third field there."""
        return sum(self._turns_of.values()) if self._turns_of else None

    def sleep_count(self) -> int | None:
        """How often its threads have given up a core of themselves, or were stopped; ``None`` if there are too many."""
        if self.children():
            return None
        sleep_count = 0
        try:
            tasks = _names(f"/proc/{self.pid}/task")
            if len(tasks) > _MOST_THREADS_LOOKED_AT:
                return None
            for task in tasks:
                status = _read(f"/proc/{self.pid}/task/{task}/status")
                sleep_count += int(status.partition(b"\nvoluntary_ctxt_switches:")[2].split(maxsplit=1)[0])
        except (OSError, IndexError):
            return None
        return sleep_count


class PortableProcessTree(_SignalledTree):
    """Asks psutil: for macOS, where CPU time of another process comes from ``proc_pidinfo``."""

    def __init__(self, worker: subprocess.Popen[bytes], mark: str) -> None:
        super().__init__(worker, mark)
        self._process = psutil.Process(worker.pid)
        self._cpu_s: dict[int, float] = {}
        self._children: list[psutil.Process] = []
        self._lock = threading.Lock()

    def _processes(self) -> list[psutil.Process]:
        now = time.monotonic()
        if now - self._children_read_at >= _CHILDREN_EVERY_S * 5:
            with contextlib.suppress(psutil.Error):
                self._children = self._process.children(recursive=True)
            self._children_read_at = now
        return [self._process, *self._children]

    def children(self) -> list[int]:
        """Every descendant's pid, read at most every 50 ms."""
        return [process.pid for process in self._processes()[1:]]

    def last_children(self) -> list[int]:
        """Every descendant's pid as last read."""
        return [process.pid for process in self._children]

    def cpu_s(self) -> float:
        """CPU seconds of the tree, as precisely as the system reports them."""
        with self._lock:
            for process in self._processes():
                with contextlib.suppress(psutil.Error):
                    times = process.cpu_times()
                    self._cpu_s[process.pid] = times.user + times.system
            return sum(self._cpu_s.values())

    def threads(self) -> tuple[int, int]:
        """Threads of the tree; without a cheap look at each, every process not asleep counts as one running."""
        thread_count = running_count = 0
        for process in self._processes():
            with contextlib.suppress(psutil.Error):
                count = process.num_threads()
                thread_count += count
                running_count += 1 if count == 1 else min(count, os.cpu_count() or 1)
        return thread_count, running_count

    def stop(self) -> bool:
        """Stop the tree; waits up to 5 ms for the worker to show as stopped, and returns whether it did."""
        self.signal(signal.SIGSTOP)
        give_up_at = time.monotonic() + 0.005
        with contextlib.suppress(psutil.Error):
            while self._process.status() not in _STILL:
                if time.monotonic() > give_up_at:
                    return False
                time.sleep(0.0002)
        return True

    def memory_bytes(self) -> int:
        """Resident memory summed; shared pages of several processes count more than once here."""
        used_bytes = 0
        for process in self._processes():
            with contextlib.suppress(psutil.Error):
                used_bytes += process.memory_info().rss
        self.peak_bytes = max(self.peak_bytes, used_bytes)
        return used_bytes

    def peak_memory_bytes(self) -> int:
        """The most that was seen."""
        self.memory_bytes()
        return self.peak_bytes

    def run_delay_s(self) -> float | None:
        """This system does not report it."""
        return None

    def turn_count(self) -> int | None:
        """Nor this."""
        return None

    def sleep_count(self) -> int | None:
        """Nor this."""
        return None


ProcessTree = LinuxProcessTree | PortableProcessTree


def process_tree(worker: subprocess.Popen[bytes], mark: str) -> ProcessTree:
    """The tree of *worker* in the best way that this system offers.

    *mark* is an environment variable, ``NAME=text``, that no other worker has:
    it tells which daemons came from this one.
    """
    return LinuxProcessTree(worker, mark) if sys.platform == "linux" else PortableProcessTree(worker, mark)


_STILL = {psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD}
_CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def _read(path: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return os.read(descriptor, 65536)
    finally:
        os.close(descriptor)


def _names(folder: str) -> list[str]:
    return os.listdir(folder)  # noqa: PTH208 - this is read many times a second


def _proportional_bytes(pid: int) -> int:
    with contextlib.suppress(OSError):
        for line in _read(f"/proc/{pid}/smaps_rollup").splitlines():
            if line.startswith(b"Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def _children_by_psutil(pid: int) -> list[int]:
    try:
        return [process.pid for process in psutil.Process(pid).children(recursive=True)]
    except psutil.Error:
        return []
