"""What can go wrong under a program: calls to the system that kill, tear or refuse."""

import errno
import os
import signal

CALLS = ("write", "fsync", "replace")


class Faults:
    """Stands before the system's calls; counts them, and lets one of them go wrong.

    Args:
        at: The call, counted from 1, that goes wrong; None for none.
        how: "kill" before the call, "tear" (write a half, then kill), or an errno's name.
        only: Counts only calls whose file or target has this in its path; empty for all.
    """

    def __init__(self, at=None, how="kill", only=""):
        self.at, self.how, self.only, self.n, self.real = at, how, only, 0, {}
        self.names = []

    def __enter__(self):
        for name in CALLS:
            self.real[name] = getattr(os, name)
            setattr(os, name, self._stand_in(name))
        return self

    def __exit__(self, *_):
        for name, call in self.real.items():
            setattr(os, name, call)

    def _stand_in(self, name):
        def call(*arguments):
            if self.only and self.only not in self._path(arguments):
                return self.real[name](*arguments)
            self.n += 1
            self.names.append(name)
            if self.n == self.at:
                self._go_wrong(name, arguments)
            return self.real[name](*arguments)

        return call

    def _path(self, arguments):
        first = arguments[0]
        return os.readlink(f"/proc/self/fd/{first}") if isinstance(first, int) else str(first)

    def _go_wrong(self, name, arguments):
        if self.how in errno.errorcode.values():
            number = getattr(errno, self.how)
            raise OSError(number, os.strerror(number))
        if self.how == "tear" and name == "write":
            self.real[name](arguments[0], bytes(arguments[1])[: len(arguments[1]) // 2])
        os.kill(os.getpid(), signal.SIGKILL)


def in_a_child(function):
    """Run a function in a forked process; return its exit code, negative for a signal."""
    child = os.fork()
    if child == 0:
        try:
            function()
        except BaseException:
            os._exit(99)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
