"""A deployment of docker-compose.yml in a container engine, as `docker compose` starts it, in a project of its own."""

import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import servers

ROOT = Path(__file__).parents[2]
BUILT = ("api", "sampler", "preprocess", "trainer")
IMAGE = "pianola-test-{}"
MAKE_KEY = ("python", "-m", "pianola.records", "key", "create", "test", "--scope", "admin")


@dataclass(frozen=True)
class Stack:
    """The compose project `project` out of the checkout `source`, with secrets of `folder`/.env."""

    engine: Mapping[str, str]
    project: str
    source: Path
    folder: Path
    port: int
    keys: dict[str, str] = field(default_factory=dict)

    def compose(self, *arguments: str, timeout: float = 900) -> str:
        """The output of `docker compose ARGUMENTS`."""
        files = [self.source / "docker-compose.yml", self.folder / "images.yml"]
        if more := os.environ.get("PIANOLA_COMPOSE_OVERRIDE"):
            files.append(Path(more).resolve())
        named = [part for file in files for part in ("-f", str(file))]
        where = ["--project-directory", str(self.source), "--env-file", str(self.folder / ".env")]
        return self.docker("compose", "-p", self.project, *where, *named, *arguments, timeout=timeout)

    def docker(self, *arguments: str, timeout: float = 120) -> str:
        """The output of `docker ARGUMENTS`."""
        given = {**os.environ, **self.engine, "PIANOLA_GATEWAY_PORT": str(self.port)}
        command = ["docker", *arguments]
        done = subprocess.run(command, env=given, capture_output=True, text=True, timeout=timeout, check=False)
        assert done.returncode == 0, f"{' '.join(command)}:\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
        return done.stdout

    def build(self) -> None:
        """Build the images, one at a time: builders side by side leave a cache that the next build misses."""
        for name in BUILT:
            self.compose("build", name, timeout=3600)

    def up(self, **scale: int) -> float:
        """Start everything, wait until it is healthy, and have an admin's key; the seconds that took."""
        scaled = [part for name, count in scale.items() for part in ("--scale", f"{name}={count}")]
        start = time.monotonic()
        self.compose("up", "-d", "--no-build", "--wait", *scaled)
        seconds = time.monotonic() - start
        if not self.keys:
            made = self.compose("exec", "-T", "api", *MAKE_KEY)
            self.keys["admin"] = next(word for word in made.split() if word.startswith("pk_"))
        return seconds

    @property
    def url(self) -> str:
        """The gateway's address."""
        return f"http://127.0.0.1:{self.port}"

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

    def kill(self, service: str) -> None:
        """SIGKILL the first container of a service, and start it again as its host's restart would."""
        container = self.containers(service)[0]
        self.docker("kill", container)
        self.docker("start", container)

    def wait_until_ready(self, seconds: float = 120) -> None:
        """Wait until gateway, api and what it depends on answer."""
        servers.wait_for(lambda: servers.answers(f"{self.url}/readyz"), seconds, "the gateway's /readyz")

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
    (folder / "images.yml").write_text(json.dumps({"services": images}))
    stack = Stack(engine, project, source, folder, servers.free_port())
    try:
        yield stack
    finally:
        stack.compose("down", "-v", "--remove-orphans")
        assert stack.left() == {"container": [], "volume": [], "network": []}
