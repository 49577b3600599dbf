"""The Helm chart renders to objects that Kubernetes takes. Objects of KEDA and of Prometheus' operator are only rendered."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from millrace_standalone.settings import StandaloneSettings

_CHART = Path(__file__).parents[2] / "deploy/helm/millrace"
_VERSION = "1.34.0"
_GIVEN = (
    "secrets.logUrl=kafka://kafka:9092/events",
    "secrets.warehouseUrl=clickhouse://writer:secret@clickhouse:8123/analytics",
    "secrets.warehouseReaderUrl=clickhouse://reader:secret@clickhouse:8123/analytics",
    "secrets.recordsUrl=postgresql://millrace:secret@postgres:5432/millrace",
)
_EVERYTHING = (
    "ingestion.spill.enabled=true",
    "ingestion.spill.storageClass=fast",
    "consumer.keda.enabled=true",
    "ingress.enabled=true",
    "ingress.className=nginx",
    "serviceMonitor.enabled=true",
    "imagePullSecrets[0].name=registry",
    "image.registry=registry.example.com",
)
_OF_OTHERS = {"ScaledObject", "ServiceMonitor"}


def _helm(command: Sequence[str], given: Sequence[str]) -> subprocess.CompletedProcess[str]:
    if shutil.which("helm") is None:
        pytest.skip("helm is not installed")
    sets = [word for one in given for word in ("--set", one)]
    return subprocess.run(
        ["helm", *command, str(_CHART), "--kube-version", _VERSION, *sets], capture_output=True, text=True, check=False
    )


def _rendered(given: Sequence[str]) -> list[dict[str, Any]]:
    done = _helm(["template", "rel"], given)
    assert done.returncode == 0, done.stderr
    return [one for one in yaml.safe_load_all(done.stdout) if one]


def test_it_lints() -> None:
    done = _helm(["lint"], _GIVEN)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("given", [_GIVEN, (*_GIVEN, *_EVERYTHING)], ids=["defaults", "everything"])
def test_kubernetes_takes_its_objects(given: Sequence[str]) -> None:
    objects = _rendered(given)
    for one in objects:
        if one["kind"] not in _OF_OTHERS:
            kubernetes_validate.validate(one, "1.34", strict=True)
    kinds = [one["kind"] for one in objects]
    assert kinds.count("PodDisruptionBudget") == kinds.count("NetworkPolicy") == kinds.count("Service") == 3
    assert kinds.count("HorizontalPodAutoscaler") == 2
    assert kinds.count("Job") == 1
    assert set(kinds) >= _OF_OTHERS or given == _GIVEN


def test_its_pods_get_settings_that_there_are_and_may_write_nothing() -> None:
    known = {f"MILLRACE_{name.upper()}" for name in StandaloneSettings.model_fields}
    pods = [one["spec"]["template"]["spec"] for one in _rendered(_GIVEN) if one["kind"] in ("Deployment", "StatefulSet", "Job")]
    assert len(pods) == 4
    for pod in pods:
        assert pod["securityContext"]["runAsNonRoot"] is True
        [container] = pod["containers"]
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert {variable["name"] for variable in container["env"]} <= known
        assert "secret" not in str([variable.get("value") for variable in container["env"]])


def test_what_is_missing_or_wrong_is_said() -> None:
    missing = _helm(["template", "rel"], _GIVEN[1:])
    assert "secrets.logUrl is not set, and there is no existingSecret" in missing.stderr
    wrong = _helm(["template", "rel"], (*_GIVEN[1:], "secrets.logUrl=sqlite:///log.db"))
    assert "logUrl" in wrong.stderr
    assert wrong.returncode != 0
