"""Shuts a process into its sandbox and becomes the worker. Standard library alone; run by its path, on Linux.

The argument is the descriptor of a socket: the plan comes through it as JSON,
written by ``sandbox.py``. Back go a line with the monotonic clock, at the start
of the worker's program, which closes the socket; or a sentence that says why
there is none.

The process keeps its id, so that whoever started it can stop, time and reap
the worker. It is the reaper of its descendants: a daemon that has cut its ties
stays a child of the worker, and is counted and ended with it.
"""

from __future__ import annotations

import ctypes
import marshal
import os
import struct
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

# Numbers of the kernel's headers; the calls' numbers are the same on x86_64 and arm64 (asm-generic), but for two.
_IS_X86 = os.uname().machine in ("x86_64", "amd64")
_PIVOT_ROOT = 155 if _IS_X86 else 41
_MOUNT_SETATTR, _LANDLOCK_CREATE_RULESET, _LANDLOCK_ADD_RULE, _LANDLOCK_RESTRICT_SELF = 442, 444, 445, 446
_CLONE_NEWNS, _CLONE_NEWUSER = 0x20000, 0x10000000
_MS_NOSUID, _MS_NODEV, _MS_BIND, _MS_REC, _MS_PRIVATE = 0x2, 0x4, 0x1000, 0x4000, 0x40000
_MNT_DETACH = 2
_AT_FDCWD, _AT_RECURSIVE, _MOUNT_ATTR_RDONLY = -100, 0x8000, 0x1
_PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS = 36, 38

TASK_ROOT = "/var/task"
LAYERS_ROOT = "/opt"
USER, USER_ID, GROUP_ID = "sbx_user1051", 993, 990
"""Whose processes they are on Lambda: a user without a home folder."""

_DEVICES = ("null", "zero", "full", "random", "urandom")
_MADE_ANEW = ("dev", "opt", "tmp", "var")

# What writes, by the version of Landlock that knows it (linux/landlock.h). Reading is not handled, so it is allowed.
_WRITE_FILE = 1 << 1
_WRITES = sum(1 << bit for bit in (1, 4, 5, 6, 7, 8, 9, 10, 11, 12))
_WRITES_ADDED = {2: 1 << 13, 3: 1 << 14}  # REFER, TRUNCATE
_SCOPE_SIGNAL = 1 << 1  # from version 6 on: no signal reaches a process outside

_libc = ctypes.CDLL(None, use_errno=True)


def _call(what: str, *arguments: object, call_number: int | None = None) -> int:
    """Call the C library, or the kernel by a number that it has no function for."""
    given = [_argument(each) for each in arguments]
    name = what
    if call_number is not None:
        name, given = "syscall", [ctypes.c_long(call_number), *given]
    result: int = getattr(_libc, name)(*given)
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def _argument(value: object) -> object:
    if isinstance(value, str):
        return value.encode()
    return ctypes.c_long(value) if isinstance(value, int) else value


def _mount(source: str | None, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    _call("mount", source, target, kind, flags, options)


def _make_read_only(path: str) -> None:
    attributes = struct.pack("=QQQQ", _MOUNT_ATTR_RDONLY, 0, 0, 0)
    size = len(attributes)
    _call("mount_setattr", _AT_FDCWD, path, _AT_RECURSIVE, attributes, size, call_number=_MOUNT_SETATTR)


def _map_user(own_process: int, inside: tuple[int, int], outside: tuple[int, int]) -> None:
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{inside[0]} {outside[0]} 1"),
        ("gid_map", f"{inside[1]} {outside[1]} 1"),
    ):
        descriptor = os.open(name, os.O_WRONLY, dir_fd=own_process)
        os.write(descriptor, text.encode())
        os.close(descriptor)


def _show(path: str, root: str, source: str | None = None) -> None:
    """Let *path* be seen below the new root: a link as it is, a file or folder as itself, or as *source*."""
    target = root + path
    if source is None and os.path.islink(path):
        if not os.path.lexists(target):
            os.makedirs(os.path.dirname(target), exist_ok=True)
            os.symlink(os.readlink(path), target)
        return
    source = source or path
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    elif not os.path.lexists(target):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY))
    _mount(source, target, None, _MS_BIND | _MS_REC)


def _children(folder: str) -> Iterable[str]:
    try:
        return [os.path.join(folder, name) for name in os.listdir(folder)]
    except OSError:
        return []


def enter_namespaces(plan: Mapping[str, Any]) -> None:
    """Give this process a file system as on Lambda: read-only, with a ``/tmp`` of its own, the code at ``/var/task``.

    The mounts are made in one user namespace and used in a second one below
    it, if none of them can be undone.
    """
    root, owner = plan["root"], (os.geteuid(), os.getegid())
    own_process = os.open("/proc/self", os.O_PATH | os.O_CLOEXEC)  # later on /proc is read-only
    _call("unshare", _CLONE_NEWUSER | _CLONE_NEWNS)
    _map_user(own_process, (0, 0), owner)
    _mount(None, "/", None, _MS_REC | _MS_PRIVATE)
    _mount("tmpfs", root, "tmpfs", _MS_NOSUID | _MS_NODEV, "mode=755")
    for name in _MADE_ANEW:
        os.mkdir(f"{root}/{name}")
    for path in _children("/"):
        if os.path.basename(path) not in _MADE_ANEW:
            _show(path, root)
    for path in _children("/var"):
        _show(path, root)
    _show(TASK_ROOT, root, plan["code_dir"])
    for path in _children(plan["layers_dir"]) if plan["layers_dir"] else ():
        _show(os.path.join(LAYERS_ROOT, os.path.basename(path)), root, path)
    for name in _DEVICES:
        _show(f"/dev/{name}", root)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        os.symlink(f"/proc/self/fd/{number}", f"{root}/dev/{name}")
    os.symlink("/proc/self/fd", f"{root}/dev/fd")
    users = f"{root}/etc-passwd"
    with open(users, "w") as file:
        file.write(f"root:x:0:0:root:/root:/sbin/nologin\n{USER}:x:{USER_ID}:{GROUP_ID}::/home/{USER}:/sbin/nologin\n")
    _mount(users, f"{root}/etc/passwd", None, _MS_BIND)
    os.unlink(users)
    in_tmp = [path for path in plan["visible"] if path.startswith("/tmp/")]
    for path in plan["visible"]:
        if path not in in_tmp and not os.path.lexists(root + path):
            _show(path, root)
    _make_read_only(root)
    if plan["tmp_folder"]:
        _mount(plan["tmp_folder"], f"{root}/tmp", None, _MS_BIND)
    else:
        _mount("tmpfs", f"{root}/tmp", "tmpfs", _MS_NOSUID | _MS_NODEV, f"mode=700,size={plan['tmp_bytes']}")
    for path in in_tmp:
        _show(path, root)
        _make_read_only(root + path)
    os.chdir(root)
    _call("pivot_root", ".", ".", call_number=_PIVOT_ROOT)
    _call("umount2", ".", _MNT_DETACH)
    os.chdir(TASK_ROOT)
    _call("unshare", _CLONE_NEWUSER)
    _map_user(own_process, (USER_ID, GROUP_ID), (0, 0))


def landlock_version() -> int:
    """Which version of Landlock the kernel has; raises ``OSError`` if it has none, or may not be asked."""
    return _call("landlock", None, 0, 1, call_number=_LANDLOCK_CREATE_RULESET)


def restrict(writable: Iterable[str] | None) -> None:
    """Allow writing below the paths of *writable* alone (``None``: everywhere), and signals to descendants alone."""
    version = landlock_version()
    writes = 0
    if writable is not None:
        writes = _WRITES | sum(right for since, right in _WRITES_ADDED.items() if version >= since)
    scoped = _SCOPE_SIGNAL if version >= 6 else 0
    if not writes and not scoped:
        return
    attributes = struct.pack("=QQQ", writes, 0, scoped)
    size = {1: 8, 2: 8, 3: 8, 4: 16, 5: 16}.get(version, 24)
    rules = _call("landlock", attributes, size, 0, call_number=_LANDLOCK_CREATE_RULESET)
    for path in writable or ():
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
        allowed = writes if os.path.isdir(path) else writes & (_WRITE_FILE | _WRITES_ADDED[3])
        _call("landlock", rules, 1, struct.pack("=Qi", allowed, descriptor), 0, call_number=_LANDLOCK_ADD_RULE)
        os.close(descriptor)
    _call("landlock", rules, 0, call_number=_LANDLOCK_RESTRICT_SELF)
    os.close(rules)


def _devices() -> list[str]:
    return [f"/dev/{name}" for name in _DEVICES if os.path.exists(f"/dev/{name}")]


def main() -> None:
    """Read the plan, carry it out, and start the program."""
    channel = int(sys.argv[1])
    os.set_inheritable(channel, False)
    try:
        with open(channel, "rb", closefd=False) as stream:
            plan = marshal.load(stream)
        means = plan["means"]
        os.chdir(plan["code_dir"])
        if means == "namespaces":
            enter_namespaces(plan)
        _call("prctl", _PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        if means != "none":
            _call("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
            try:
                restrict([plan["tmp_folder"], *_devices()] if means == "landlock" else None)
            except OSError:
                if means == "landlock":
                    raise
        os.write(channel, b"%r\n" % time.monotonic())
        os.execve(plan["command"][0], plan["command"], plan["environment"])
    except OSError as error:
        os.write(channel, str(error).encode())
        sys.exit(127)


if __name__ == "__main__":
    main()
