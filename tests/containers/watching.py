"""Prometheus of the profile `observability`, asked over its HTTP API."""

from typing import Any

import httpx


class Prometheus:
    """A running Prometheus on a port of this machine."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}/api/v1"

    def _told(self, path: str, **query: str) -> Any:
        return httpx.get(f"{self._url}/{path}", params=query, timeout=30).raise_for_status().json()["data"]

    def targets(self) -> list[tuple[str, str]]:
        """Who is scraped, and how that goes: job and health."""
        return sorted((target["labels"]["job"], target["health"]) for target in self._told("targets")["activeTargets"])

    def drawn(self, expression: str) -> list[Any]:
        """The series that a panel with this expression draws now."""
        found: list[Any] = self._told("query", query=expression)["result"]
        return found

    def broken(self) -> list[str]:
        """Alerts that could not be evaluated, with the reason."""
        (group,) = self._told("rules")["groups"]
        return [f"{rule['name']}: {rule.get('lastError')}" for rule in group["rules"] if rule["health"] != "ok"]

    def firing(self) -> set[str]:
        """The names of alerts that somebody would be woken for now."""
        alerts = self._told("alerts")["alerts"]
        return {alert["labels"]["alertname"] for alert in alerts if alert["state"] == "firing"}
