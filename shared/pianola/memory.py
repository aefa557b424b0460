"""How much memory this process may use."""

import os
from collections.abc import Iterator
from pathlib import Path


def memory_bytes(groups: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> int:
    """The machine's memory, or what its control group (a container's, a service's) leaves of it, in bytes.

    groups: where control groups are mounted, of either version. own: the file that says which one this process is in.
    """
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([machine, *_limits(groups, own)])


def _limits(groups: Path, own: Path) -> Iterator[int]:
    """The limits of the process's group and of those it is in."""
    for controllers, place in _places(own):
        mounted, name = (groups / "memory", "memory.limit_in_bytes") if controllers else (groups, "memory.max")
        # A container may see its own group as the root, whatever the place outside.
        for folder in (Path(place), *Path(place).parents):
            limit = mounted / folder.relative_to("/") / name
            # No group, or one of which the kernel counts no memory; "max" where there is no limit.
            if limit.is_file() and (said := limit.read_text().strip()).isdigit():
                yield int(said)


def _places(own: Path) -> Iterator[tuple[str, str]]:
    """Controllers and place of the process's group: no controllers in version 2, "memory" in version 1."""
    if own.is_file():
        for line in own.read_text().splitlines():
            _, controllers, place = line.split(":", 2)
            if controllers == "" or "memory" in controllers.split(","):
                yield controllers, place
