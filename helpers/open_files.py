"""How many connections this process may have open: each is a file to the system, which allows only so many."""

from contextlib import suppress

MOST = 8_192  # files; far more than the calls that anybody has in flight
OF_OTHERS = 128  # that the rest of the process has open, about
FEWEST = 64


def room() -> int:
    """Raises this process's limit on open files as far as it may, and gives how many connections it leaves room for.

    macOS begins with 256 files, most Linux systems with 1,024; Windows has no such limit.

    >>> room() >= FEWEST
    True
    """
    with suppress(ImportError, ValueError, OSError):
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = MOST if hard == resource.RLIM_INFINITY else min(hard, MOST)
        if soft != resource.RLIM_INFINITY and soft < most:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
            soft = most
        if soft != resource.RLIM_INFINITY:
            return max(FEWEST, min(soft, MOST) - OF_OTHERS)
    return MOST - OF_OTHERS
