"""Metrics, logs, dashboards and the validation."""

from __future__ import annotations

import json
import re

from eks_assets.units import load_registry
from eks_assets.units.applications.argo_cd import argo_cd
from eks_assets.units.observability.dashboards import dashboards
from eks_assets.units.observability.fluent_bit import fluent_bit
from eks_assets.units.observability.grafana_credentials import grafana_credentials
from eks_assets.units.observability.loki import loki
from eks_assets.units.observability.prometheus import prometheus
from eks_assets.units.observability.validation import validation
from resources.config.environment import Addon, Environment
from tests.helpers.published import ROLES


def test_grafana_credentials_come_from_the_store(sandbox_env: Environment) -> None:
    """Grafana's administrator is copied from the generated secret."""
    (secret,) = grafana_credentials(sandbox_env).objects
    assert secret["metadata"] == {"name": "grafana-admin", "namespace": "observability"}
    assert secret["spec"]["dataFrom"] == [{"extract": {"key": "/demo/sandbox/grafana/admin-credentials"}}]


def test_prometheus_takes_grafanas_password_from_secret(sandbox_env: Environment) -> None:
    """The chart reads the password from the secret, and Loki is a data source."""
    release = prometheus()
    assert (release.name, release.chart) == ("prometheus", "kube-prometheus-stack")
    assert release.values["grafana"]["admin"]["existingSecret"] == "grafana-admin"
    assert release.values["grafana"]["additionalDataSources"][0]["type"] == "loki"


def test_prometheus_watches_what_eks_shows(sandbox_env: Environment) -> None:
    """No alert of parts that EKS hides, and the metrics that the dashboard asks for."""
    values = prometheus().values
    hidden = ("kubeControllerManager", "kubeScheduler", "kubeEtcd", "kubeProxy")
    assert [values[part]["enabled"] for part in hidden] == [False] * 4
    scraped = {
        m["name"]: m["namespaceSelector"]["matchNames"] for m in values["prometheus"]["additionalServiceMonitors"]
    }
    assert scraped == {
        "argocd-metrics": ["argocd"],
        "argocd-server-metrics": ["argocd"],
        "karpenter": ["kube-system"],
    }
    argo = argo_cd(sandbox_env).values
    assert argo["controller"]["metrics"]["enabled"]
    assert argo["server"]["metrics"]["enabled"]


def test_prometheus_keeps_its_data_on_volumes() -> None:
    """Else every restart of a pod loses all metrics, and dashboards made by hand."""
    values = prometheus().values
    spec = values["prometheus"]["prometheusSpec"]
    claims = [spec["storageSpec"], values["alertmanager"]["alertmanagerSpec"]["storage"]]
    sizes = [claim["volumeClaimTemplate"]["spec"]["resources"]["requests"]["storage"] for claim in claims]
    assert sizes == ["50Gi", "5Gi"]
    assert spec["retentionSize"] == "45GB", "less than its volume"
    assert values["grafana"]["persistence"]["enabled"]


def test_loki_stores_in_its_bucket(sandbox_env: Environment) -> None:
    """Loki's chunks go to the bucket of its role."""
    release = loki(sandbox_env, ROLES)
    assert (release.name, release.chart) == ("loki", "loki")
    assert set(release.values["loki"]["storage"]["bucketNames"].values()) == {ROLES.loki_bucket_name}


def test_logs_are_shipped_where_loki_takes_them(sandbox_env: Environment) -> None:
    """From every node, to the gateway that Grafana asks, under labels of which there are few."""
    release = fluent_bit()
    assert (release.name, release.chart, release.namespace) == ("fluent-bit", "fluent-bit", "observability")
    output = dict(line.split(None, 1) for line in release.values["config"]["outputs"].splitlines()[1:])
    source = prometheus().values["grafana"]["additionalDataSources"][0]
    assert f"http://{output['Host']}" == source["url"]
    assert (output["Name"], output["Match"], output["Port"]) == ("loki", "*", "80")
    assert "pod_name" not in output["Labels"]
    assert release.values["tolerations"] == [{"operator": "Exists"}]
    assert all(mount["readOnly"] for mount in release.values["daemonSetVolumeMounts"])


# Of Fluent Bit's output "loki", and of every output (source: Fluent Bit manual, "Loki", "Networking", "Scheduling and
# retries"); the fields that its filter "kubernetes" puts under `kubernetes`.
OUTPUT_OPTIONS = """
    auto_kubernetes_labels bearer_token buffer_size compress drop_single_key header http_passwd http_user label_keys
    label_map_path labels line_format remove_keys structured_metadata structured_metadata_map_keys tenant_id
    tenant_id_key uri host log_level match match_regex name port retry_limit storage.total_limit_size tls tls.verify
    workers
"""
RECORD_FIELDS = "pod_name|namespace_name|pod_id|host|container_name|container_image|container_hash|docker_id"


def test_fluent_bit_knows_every_option_and_loki_takes_what_it_sends(sandbox_env: Environment) -> None:
    """It ends at an option that it does not know, and Loki refuses other names of labels, and a push without a tenant
    where it wants one."""
    section, *lines = fluent_bit().values["config"]["outputs"].splitlines()
    output = {key.lower(): value for key, value in (line.split(None, 1) for line in lines)}
    assert section == "[OUTPUT]"
    assert output.keys() <= set(OUTPUT_OPTIONS.split())
    assert output["line_format"] in ("json", "key_value")
    assert output["retry_limit"] == "no_limits"
    labels = dict(label.strip().split("=", 1) for label in output["labels"].split(","))
    assert all(re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*", name) for name in labels)
    field = re.compile(rf"\$kubernetes\['({RECORD_FIELDS})'\]|[a-z-]+")
    assert [value for value in labels.values() if not field.fullmatch(value)] == []
    # The address is the default one of Loki's push API, which asks for no tenant.
    assert "uri" not in output
    assert ("tenant_id" in output) is loki(sandbox_env, ROLES).values["loki"]["auth_enabled"]


def test_logs_are_shipped_where_loki_is_on(sandbox_env: Environment) -> None:
    """And nowhere else."""
    without = sandbox_env.model_copy(update={"addons": {"loki": Addon(enabled=False)}})
    assert (fluent_bit.is_enabled(sandbox_env), fluent_bit.is_enabled(without)) == (True, False)


def test_dashboards_are_a_config_map_that_grafana_loads(sandbox_env: Environment) -> None:
    """The dashboard is a ConfigMap with the label that Grafana's sidecar selects."""
    (config_map,) = dashboards(sandbox_env).objects
    assert config_map["metadata"]["labels"] == {"grafana_dashboard": "1"}
    assert json.loads(config_map["data"]["platform.json"])["title"] == "Platform demo-sandbox"


def test_validation_is_last_and_checks_each_promise(sandbox_env: Environment) -> None:
    """The last unit has a check for everything that a deploy promises."""
    validation()
    assert load_registry().units[-1].name == "validation"
    assert [check.name for check in validation.checks] == [
        "endpoint_answers",
        "nodes_ready",
        "coredns_ready",
        "load_balancer_controller_ready",
        "releases_ready",
        "applications_healthy",
        "application_endpoint",
    ]
