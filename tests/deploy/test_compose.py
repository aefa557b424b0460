import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from pianola.settings import PreprocessSettings, SamplerSettings, TrainerSettings

from .conftest import ROOT, SERVICES, Compose

OURS = {"migrate", "api", "preprocess", "trainer", "trainer-gpu", "sampler"}
SERVERS = {"postgres", "redis", "minio"}
WATCHERS = {"prometheus", "grafana"}


def test_the_file_is_valid(compose: Compose, made_env: Path) -> None:
    done = compose("--env-file", made_env, "config", "--quiet")
    assert (done.returncode, done.stderr) == (0, "")


def test_without_secrets_nothing_starts_and_the_message_says_what_to_do(compose: Compose) -> None:
    done = compose("--env-file", "/dev/null", "config", "--quiet")
    assert done.returncode != 0
    assert "run `make env` first" in done.stderr


def test_the_services_are_those_of_the_design(project: dict[str, Any]) -> None:
    assert set(project["services"]) == OURS | SERVERS | WATCHERS | {"gateway"}


def test_every_service_tells_its_health(project: dict[str, Any]) -> None:
    without = {name for name, service in project["services"].items() if "healthcheck" not in service}
    assert without == OURS - {"migrate"}  # their images do (test_images.py)
    assert project["services"]["migrate"]["healthcheck"]["disable"] is True  # runs once; others wait for its success


def test_images_are_labelled_with_version_and_commit(compose: Compose, made_env: Path) -> None:
    done = compose("--env-file", made_env, "--profile", "*", "config", "--format", "json", PIANOLA_COMMIT="abc")
    built = [service for service in json.loads(done.stdout)["services"].values() if "build" in service]
    version = tomllib.loads((ROOT / "shared/pyproject.toml").read_text())["project"]["version"]
    for service in built:
        labels = {key: service["build"]["args"][key] for key in ("PIANOLA_VERSION", "PIANOLA_COMMIT")}
        assert labels == {"PIANOLA_VERSION": version, "PIANOLA_COMMIT": "abc"}


def test_start_up_is_in_order(project: dict[str, Any]) -> None:
    def conditions(name: str) -> dict[str, str]:
        return {other: need["condition"] for other, need in project["services"][name].get("depends_on", {}).items()}

    assert conditions("migrate") == {"postgres": "service_healthy"}
    for name in OURS - {"migrate"}:
        assert conditions(name) == {
            "migrate": "service_completed_successfully",
            "redis": "service_healthy",
            "minio": "service_healthy",
        }
    assert conditions("gateway") == {"api": "service_healthy", "sampler": "service_healthy"}
    assert project["services"]["migrate"]["command"] == ["python", "-m", "pianola.records", "upgrade"]
    assert project["services"]["migrate"]["restart"] == "no"


def test_replicas_do_not_collide(project: dict[str, Any]) -> None:
    """`--scale` needs services without a name, a host port or a folder of their own, which no `down` would remove."""
    assert {name for name, service in project["services"].items() if service.get("ports")} == {"gateway", *WATCHERS}
    assert not [name for name, service in project["services"].items() if "container_name" in service]
    for name in OURS - {"migrate"}:
        (volume,) = project["services"][name]["volumes"]
        assert (volume["source"], volume["target"]) == ("spool", "/var/lib/pianola")


def test_the_gateway_listens_on_loopback_until_told_otherwise(compose: Compose, project: dict[str, Any]) -> None:
    (port,) = project["services"]["gateway"]["ports"]
    assert (port["host_ip"], port["published"], port["target"]) == ("127.0.0.1", "8470", 8080)


def test_our_services_can_do_little(project: dict[str, Any]) -> None:
    for name in OURS | WATCHERS | {"gateway", "postgres", "redis"}:
        service = project["services"][name]
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert not service.get("privileged"), name
    for name in ("gateway", "redis"):  # ours say USER in their Dockerfiles; postgres steps down by itself
        assert int(project["services"][name]["user"].split(":")[0]) > 0


def test_who_watches_is_started_when_asked_for_and_listens_on_loopback(project: dict[str, Any]) -> None:
    for name in WATCHERS:
        service = project["services"][name]
        assert service["profiles"] == ["observability"]
        assert [port["host_ip"] for port in service["ports"]] == ["127.0.0.1"]


def test_data_is_kept_in_named_volumes(project: dict[str, Any]) -> None:
    kept = {name: project["services"][name]["volumes"][0] for name in SERVERS}
    assert {name: (volume["source"], volume["target"]) for name, volume in kept.items()} == {
        "postgres": ("records", "/var/lib/postgresql/data"),
        "redis": ("queue", "/data"),
        "minio": ("objects", "/data"),
    }


def test_redis_forgets_nothing_and_tells_no_password(project: dict[str, Any]) -> None:
    command = " ".join(project["services"]["redis"]["command"])
    assert "--appendonly yes" in command
    assert "--maxmemory-policy noeviction" in command
    assert project["services"]["redis"]["environment"]["REDISCLI_AUTH"] not in command


def test_none_can_take_the_whole_host(project: dict[str, Any]) -> None:
    for name, service in project["services"].items():
        assert int(service["mem_limit"]) > 0, name
        assert service["pids_limit"] > 0, name
        assert service["logging"]["options"] == {"max-size": "10m", "max-file": "3"}, name


def test_no_secret_is_written_down() -> None:
    """Every password and key is a variable without a default."""
    text = (ROOT / "docker-compose.yml").read_text()
    secret = re.compile(
        r"^ +(?P<name>\w*(?:PASSWORD|SECRET_KEY|ACCESS_KEY|ROOT_USER|REDISCLI_AUTH)): *(?P<value>.+)", re.M
    )
    values = {found["name"]: found["value"] for found in secret.finditer(text)}
    assert len(values) >= 6
    for name, value in values.items():
        assert re.fullmatch(r"\$\{\w+:\?[^}]+\}", value), f"{name}: {value}"
    for url in re.findall(r"(?:redis|postgresql\+psycopg)://\S+", text):
        assert re.match(r"[^/]+://(pianola)?:\$\{\w+:\?", url), url


def test_images_are_pinned_and_ours_are_built_once(project: dict[str, Any]) -> None:
    built = [service["image"] for service in project["services"].values() if "build" in service]
    assert sorted(built) == sorted([*(f"pianola-{name}" for name in SERVICES), "pianola-trainer-gpu"])
    for name in SERVERS | WATCHERS | {"gateway"}:
        tag = project["services"][name]["image"].partition(":")[2]
        assert re.search(r"\d", tag), project["services"][name]["image"]
    assert project["services"]["migrate"]["image"] == project["services"]["api"]["image"]


def test_the_object_server_can_be_another(compose: Compose, made_env: Path) -> None:
    done = compose("--env-file", made_env, "config", "--images", S3_IMAGE="example/s3:1")
    assert "example/s3:1" in done.stdout.split()


def test_the_gpu_trainer_takes_its_own_queue_and_one_gpu(project: dict[str, Any]) -> None:
    gpu, cpu = project["services"]["trainer-gpu"], project["services"]["trainer"]
    assert gpu["profiles"] == ["gpu"]
    assert gpu["environment"]["PIANOLA_QUEUES"] == "train.gpu"
    assert cpu["environment"]["PIANOLA_QUEUES"] == "train,evaluate"
    assert gpu["deploy"]["resources"]["reservations"]["devices"] == [
        {"capabilities": ["gpu"], "count": 1, "driver": "nvidia"}
    ]


def test_a_gpu_trainer_of_four_has_four_and_a_torch_of_its_own(compose: Compose, made_env: Path) -> None:
    given = {"PIANOLA_PROCESSES": "4", "TORCH_GPU_INDEX_URL": "https://example.org/cuda", "TORCH_INDEX_URL": "cpu"}
    done = compose("--env-file", made_env, "--profile", "gpu", "config", "--format", "json", **given)
    services = json.loads(done.stdout)["services"]
    gpu = services["trainer-gpu"]
    assert gpu["deploy"]["resources"]["reservations"]["devices"][0]["count"] == 4
    assert gpu["environment"]["PIANOLA_PROCESSES"] == "4"
    assert gpu["build"]["args"]["TORCH_INDEX_URL"] == "https://example.org/cuda"
    assert services["trainer"]["build"]["args"]["TORCH_INDEX_URL"] == "cpu"
    assert "prometheus" not in services


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("preprocess", PreprocessSettings),
        ("trainer", TrainerSettings),
        ("trainer-gpu", TrainerSettings),
        ("sampler", SamplerSettings),
    ],
)
def test_the_environment_makes_settings(
    name: str,
    settings: type[PreprocessSettings | TrainerSettings | SamplerSettings],
    project: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What compose passes is what the services read: no variable without a field, and together they are valid."""
    environment = {**image_environment(name), **project["services"][name]["environment"]}
    ours = {key: value for key, value in environment.items() if key.startswith("PIANOLA_")}
    assert {key.removeprefix("PIANOLA_").lower() for key in ours} <= set(settings.model_fields)
    for key, value in ours.items():
        monkeypatch.setenv(key, value)
    made = settings()
    assert made.s3_endpoint == "http://minio:9000"
    assert made.database_url.startswith("postgresql+psycopg://pianola:")


def image_environment(name: str) -> dict[str, str]:
    """What a service's Dockerfile sets in its last stage."""
    text = (ROOT / "services" / name.removesuffix("-gpu") / "Dockerfile").read_text().rpartition("\nFROM ")[2]
    lines = re.findall(r"^ENV ((?:.*\\\n)*.*)$", text, flags=re.MULTILINE)
    return dict(pair.split("=", 1) for line in lines for pair in line.replace("\\\n", " ").split())
