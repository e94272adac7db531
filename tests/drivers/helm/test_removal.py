"""A release goes with helm uninstall, and is forgotten once nothing of it is left."""

from __future__ import annotations

from typing import Any

import pytest

from resources.context import Context
from resources.drivers.helm.driver import HelmReleaseDriver
from resources.kubernetes.objects import list_objects, read_object
from resources.model.errors import WaitTimeout
from resources.model.specs import HelmRelease
from tests.helpers.materialization import Materialize
from tests.helpers.releases import DEPLOYMENT, NAMESPACE, deployment, release, statuses

pytestmark = [pytest.mark.sandbox, pytest.mark.usefixtures("release_namespace")]
DRIVER = HelmReleaseDriver()


def spec(context: Context, **options: Any) -> HelmRelease:
    made = release(**options).fn(env=context.env)
    assert isinstance(made, HelmRelease)
    return made.model_copy(update={"timeout": options.get("timeout", 60.0)})


def test_release_and_its_pods_go_and_a_second_time_nothing(materialize: Materialize, context: Context) -> None:
    """Nothing of it is left, not even what helm keeps of it."""
    assert materialize(release()).success
    wanted = spec(context)
    plan = DRIVER.plan_removal(wanted, context, delete_data=False)
    assert plan.removes[0].object == "Release driver-test/driver-test"
    assert "external-dns 1.21.1" in plan.removes[0].why
    assert statuses(context) == ["deployed"]
    DRIVER.destroy(wanted, context, delete_data=False)
    assert statuses(context) == []
    assert list_objects(context.cluster, "apps/v1", "Deployment", namespace=NAMESPACE) == []
    assert list_objects(context.cluster, "v1", "Pod", namespace=NAMESPACE) == []
    assert DRIVER.plan_removal(wanted, context, delete_data=False).removes == ()
    DRIVER.destroy(wanted, context, delete_data=False)


def test_release_whose_object_hangs_is_remembered(materialize: Materialize, context: Context) -> None:
    """What holds it is named; another run goes on once that is gone."""
    assert materialize(release()).success
    live = deployment(context)
    kind = context.cluster.kind("apps/v1", "Deployment")

    def hold(finalizers: list[str] | None) -> None:
        body = {"metadata": {"finalizers": finalizers}}
        kind.patch(body=body, name=DEPLOYMENT, namespace=NAMESPACE, content_type="application/merge-patch+json")

    hold(["example.com/held"])
    with pytest.raises(WaitTimeout, match=r"finalizer example\.com/held") as raised:
        DRIVER.destroy(spec(context, timeout=5.0), context, delete_data=False)
    assert f"kubectl get deployment.apps {DEPLOYMENT} -n {NAMESPACE}" in raised.value.next_step
    assert statuses(context) == ["uninstalled"]
    assert DRIVER.plan_removal(spec(context), context, delete_data=False).removes
    hold(None)
    DRIVER.destroy(spec(context), context, delete_data=False)
    assert statuses(context) == []
    assert read_object(context.cluster, {"apiVersion": "apps/v1", "kind": "Deployment", **live}) is None
