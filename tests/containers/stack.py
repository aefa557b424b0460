"""A deployment of docker-compose.yml in a container engine, as `docker compose` starts it, in a project of its own."""

import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import servers

ROOT = Path(__file__).parents[2]
BUILT = ("api", "sampler", "preprocess", "trainer")
IMAGE = "pianola-test-{}"
PAGE = ROOT / "docs/operations.md"
# Run beside the host's processes, since no container can kill its own first one. An init's child is the service.
STRIKE = """
import os, signal, sys
pid, init = sys.argv[1:]
killed = open(f"/proc/{pid}/task/{pid}/children").read().split() if init == "true" else [pid]
for each in killed:
    os.kill(int(each), signal.SIGKILL)
"""


@dataclass(frozen=True)
class Ports:
    """On loopback, for what is asked from outside; the object server's is published for the test alone."""

    gateway: int = field(default_factory=servers.free_port)
    s3: int = field(default_factory=servers.free_port)
    prometheus: int = field(default_factory=servers.free_port)
    grafana: int = field(default_factory=servers.free_port)


@dataclass(frozen=True)
class Stack:
    """The compose project `project` out of the checkout `source`, with secrets of `folder`/.env."""

    engine: Mapping[str, str]
    project: str
    source: Path
    folder: Path
    ports: Ports
    keys: dict[str, str] = field(default_factory=dict)

    def as_written(self, command: str) -> str:
        """The output of a command of docs/operations.md, run in a shell, in a folder of this stack's own."""
        assert f"    {command}\n" in PAGE.read_text() or f"`{command}`" in PAGE.read_text(), command
        return self._run(["sh", "-c", command], 900)

    def compose(self, *arguments: str, timeout: float = 900) -> str:
        """The output of `docker compose ARGUMENTS`."""
        return self.docker("compose", *arguments, timeout=timeout)

    def docker(self, *arguments: str, timeout: float = 120) -> str:
        """The output of `docker ARGUMENTS`."""
        return self._run(["docker", *arguments], timeout)

    def _run(self, command: list[str], timeout: float) -> str:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={**os.environ, **self.engine, **self._environment()},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert done.returncode == 0, f"{' '.join(command)}:\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
        return done.stdout

    def _environment(self) -> dict[str, str]:
        files = [str(self.source / "docker-compose.yml"), str(self.folder / "images.yml")]
        if more := os.environ.get("PIANOLA_COMPOSE_OVERRIDE"):
            files.append(str(Path(more).resolve()))
        return {
            "COMPOSE_PROJECT_NAME": self.project,
            "COMPOSE_FILE": os.pathsep.join(files),
            "COMPOSE_ENV_FILES": str(self.folder / ".env"),
            "PIANOLA_GATEWAY_PORT": str(self.ports.gateway),
            "PIANOLA_PROMETHEUS_PORT": str(self.ports.prometheus),
            "PIANOLA_GRAFANA_PORT": str(self.ports.grafana),
        }

    def build(self) -> None:
        """Build the images, one at a time: builders side by side leave a cache that the next build misses."""
        for name in BUILT:
            self.compose("build", name, timeout=3600)

    def up(self) -> float:
        """Start everything, wait until it is healthy, and have an admin's key; the seconds that took."""
        start = time.monotonic()
        self.as_written("docker compose up -d --wait")
        seconds = time.monotonic() - start
        if not self.keys:
            made = self.as_written("docker compose exec api python -m pianola.records key create NAME --scope admin")
            self.keys["admin"] = next(word for word in made.split() if word.startswith("pk_"))
        return seconds

    @property
    def url(self) -> str:
        """The gateway's address."""
        return f"http://127.0.0.1:{self.ports.gateway}"

    @property
    def secrets(self) -> dict[str, str]:
        """What `make env` wrote."""
        lines = (line.partition("=") for line in (self.folder / ".env").read_text().splitlines() if line[:1] != "#")
        return {name: value for name, _, value in lines if name}

    @property
    def headers(self) -> dict[str, str]:
        """What says who asks."""
        return {"Authorization": f"Bearer {self.keys['admin']}"}

    def client(self) -> httpx.Client:
        """A client of the gateway."""
        return httpx.Client(base_url=self.url, headers=self.headers, timeout=60)

    def containers(self, service: str) -> list[str]:
        """The running containers of a service."""
        return self.compose("ps", "-q", service).split()

    def logged(self, container: str) -> str:
        """What a container has logged."""
        merged = ["sh", "-c", f"docker logs {container} 2>&1"]
        given = {**os.environ, **self.engine}
        return subprocess.run(merged, env=given, capture_output=True, text=True, check=True).stdout

    def memory(self) -> dict[str, int]:
        """The megabytes that each service's largest container takes now, page cache aside."""
        taken: dict[str, int] = {}
        for line in self.as_written("docker stats --no-stream --format '{{.Name}} {{.MemUsage}}'").splitlines():
            name, used = line.split()[:2]
            if name.startswith(f"{self.project}-"):
                service = name.removeprefix(f"{self.project}-").rpartition("-")[0]
                size = float(used[:-3]) * {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30}[used[-3:]] / 10**6
                taken[service] = max(round(size), taken.get(service, 0))
        return taken

    def strike(self, service: str) -> None:
        """SIGKILL what the first container of a service runs, behind the engine's back, as a crash would.

        Returns when the engine has started it again by itself, as its restart policy says.
        """
        container = self.containers(service)[0]
        before = self._inspected(container)
        beside = ["--rm", "--pid", "host", "--network", "none", "--user", "0", "--entrypoint", "python"]
        init = json.dumps(bool(before["HostConfig"].get("Init")))
        self.docker("run", *beside, IMAGE.format("api"), "-c", STRIKE, str(before["State"]["Pid"]), init)

        def again() -> bool:
            now = self._inspected(container)
            return bool(now["RestartCount"] == before["RestartCount"] + 1 and now["State"]["Running"])

        servers.wait_for(again, 30, f"{service} does not come back by itself")

    def _inspected(self, container: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.docker("inspect", container))[0]
        return found

    def wait_until_ready(self, seconds: float = 120) -> None:
        """Wait until gateway, api and what it depends on answer."""
        servers.wait_for(lambda: servers.answers(f"{self.url}/readyz"), seconds, "the gateway's /readyz")

    def unnamed_volumes(self) -> list[str]:
        """Volumes of its containers that have no name, as older compose files made them: no `down` finds one whose
        container was replaced.
        """
        names = '{{range .Mounts}}{{if eq .Type "volume"}}{{.Name}} {{end}}{{end}}'
        found = self.docker("inspect", "--format", names, *self.left()["container"]).split()
        return [name for name in found if not name.startswith(self.project)]

    def left(self) -> dict[str, list[str]]:
        """What the engine holds of the project."""
        label = f"label=com.docker.compose.project={self.project}"
        kinds = {"container": ["ps", "-aq"], "volume": ["volume", "ls", "-q"], "network": ["network", "ls", "-q"]}
        return {kind: self.docker(*command, "--filter", label).split() for kind, command in kinds.items()}


@contextmanager
def deployed(engine: Mapping[str, str], project: str, source: Path, folder: Path) -> Iterator[Stack]:
    """A stack that is not up yet; when the block ends, nothing of it is left."""
    subprocess.run([ROOT / "deploy/make-env.sh", folder / ".env"], check=True, capture_output=True)
    images = {name: {"image": IMAGE.format(name)} for name in BUILT} | {"migrate": {"image": IMAGE.format("api")}}
    ports = Ports()
    reached = {"minio": {"ports": [f"127.0.0.1:{ports.s3}:9000"]}}
    (folder / "images.yml").write_text(json.dumps({"services": images | reached}))
    stack = Stack(engine, project, source, folder, ports)
    try:
        yield stack
    finally:
        # By the newest compose file, which knows every volume there may be by now.
        replace(stack, source=ROOT).as_written('docker compose --profile "*" down -v --remove-orphans')
        assert stack.left() == {"container": [], "volume": [], "network": []}
