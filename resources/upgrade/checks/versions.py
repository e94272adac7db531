"""Versions that have to fit: kubelets, kube-proxy, add-ons, Karpenter, charts.

Source: Kubernetes, "Version Skew Policy"; EKS user guide, "Update existing cluster to new Kubernetes version"; API,
DescribeAddonVersions; Karpenter, "Compatibility".
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from resources.config.aws_catalog import KUBERNETES_VERSIONS
from resources.upgrade.findings import Severity
from resources.upgrade.live import Finding, Live, Step
from resources.upgrade.registry import upgrade_check

_SKEW = 3  # minors that a kubelet and kube-proxy may be older than the API server
_MOST = 10
_KUBE_PROXY = "kube-proxy"


@upgrade_check
def check_kubelet_versions(live: Live, step: Step) -> Iterator[Finding]:
    """No node more than three minors behind the next control plane: EKS refuses that."""
    by_version: dict[int, list[str]] = defaultdict(list)
    for node in live.objects("v1", "Node"):
        version = str(((node.get("status") or {}).get("nodeInfo") or {}).get("kubeletVersion", ""))
        if (minor := _minor(version)) is not None:
            by_version[minor].append(f"{node['metadata']['name']}: {version}")
    for group in live.node_groups():
        if (minor := _minor(str(group.get("version", "")))) is not None:
            by_version[minor].append(f"node group {group['nodegroupName']}: {group['version']}")
    for minor, names in sorted(by_version.items()):
        yield from _skewed(
            "kubelets",
            minor,
            names,
            step,
            f"eks-assets deploy {live.env.name} brings node groups to "
            "the version of the control plane; replace nodes of others: kubectl drain, then delete them",
        )


@upgrade_check
def check_kube_proxy_version(live: Live, step: Step) -> Iterator[Finding]:
    """kube-proxy, as an add-on or as somebody's own DaemonSet."""
    addons = [a for a in live.addons() if a["addonName"] == _KUBE_PROXY]
    versions = {f"add-on {_KUBE_PROXY}": str(a["addonVersion"]) for a in addons}
    if not addons:
        for daemon in live.objects("apps/v1", "DaemonSet"):
            if daemon["metadata"]["name"] == _KUBE_PROXY:
                image = str(daemon["spec"]["template"]["spec"]["containers"][0].get("image", ""))
                versions[f"DaemonSet {daemon['metadata']['namespace']}/{_KUBE_PROXY}"] = image.rpartition(":")[2]
    for where, version in versions.items():
        if (minor := _minor(version)) is not None:
            way_out = f"deploy {live.env.name} as it is first, which brings the add-on's default version"
            yield from _skewed("kube-proxy", minor, [f"{where}: {version}"], step, way_out)


def _skewed(what: str, minor: int, names: list[str], step: Step, way_out: str) -> Iterator[Finding]:
    behind = step.minor - minor
    if behind < _SKEW:
        return
    allowed = f"at most {_SKEW} are allowed"
    message = f"{what} of Kubernetes 1.{minor} would be {behind} minor versions older than the control plane; {allowed}"
    severity: Severity = "blocker" if behind > _SKEW else "warning"
    more = [f"and {len(names) - _MOST} more"] if len(names) > _MOST else []
    evidence = (*sorted(names)[:_MOST], *more)
    yield Finding(severity, f"{what} 1.{minor}", message, way_out, evidence)


@upgrade_check
def check_addon_versions(live: Live, step: Step) -> Iterator[Finding]:
    """Between control plane and add-ons there is a time in which old add-ons run on the new version: so each should
    have one that fits both."""
    pinned = {a.name: a.version for a in (*live.env.cluster.daemon_addons, *live.env.cluster.pod_addons)}
    for addon in live.addons():
        name, installed = str(addon["addonName"]), str(addon["addonVersion"])
        now, then = live.addon_versions(name, step.before), live.addon_versions(name, step.after)
        pin = pinned.get(name)
        is_pinned = pin not in (None, "", "default", "latest")
        evidence = (f"installed: {installed}", f"for {step.before}: {_words(now)}", f"for {step.after}: {_words(then)}")
        both = [version for version in then if version in now]
        if not then:
            message = f"EKS offers no version of it for Kubernetes {step.after}"
            way_out = f"take it out of addons in the ClusterConfig of {live.env.name}, or wait until AWS offers one"
            yield Finding("blocker", f"add-on {name}", message, way_out, evidence)
        elif is_pinned and not _has(then, str(pin)):
            message = f"the ClusterConfig pins {pin}, which EKS does not offer for Kubernetes {step.after}"
            instead = both or list(then)
            way_out = f"set version: {instead[0]} of {name} under addons in the ClusterConfig, or leave the version out"
            yield Finding("blocker", f"add-on {name}", message, way_out, evidence)
        elif not _has(then, installed) and both:
            message = f"{installed} does not fit Kubernetes {step.after}; {both[0]} fits both"
            way_out = (
                f"set version: {both[0]} of {name} under addons in the ClusterConfig, and deploy before the upgrade"
            )
            yield Finding("warning", f"add-on {name}", message, way_out, evidence)
        elif not _has(then, installed):
            message = (
                f"no version fits both {step.before} and {step.after}: {installed} runs on {step.after} for a while"
            )
            way_out = f"nothing can be done before; the deploy after the upgrade brings {then[0]}"
            yield Finding("warning", f"add-on {name}", message, way_out, evidence)


def _has(versions: Iterable[str], wanted: str) -> bool:
    # EKS takes a version with and without its v.
    return wanted.removeprefix("v") in {version.removeprefix("v") for version in versions}


def _words(versions: Sequence[str]) -> str:
    return f"{', '.join(versions[:5])}{' and older ones' if len(versions) > 5 else ''}" or "none"


@upgrade_check
def check_karpenter_version(live: Live, step: Step) -> Iterator[Finding]:
    """Karpenter gives its nodes the version of the control plane, so it has to know that."""
    if live.env.cluster.auto_mode or not live.env.addon("karpenter").enabled:
        return
    known, wanted = KUBERNETES_VERSIONS.get(step.after), live.env.karpenter_version
    what = f"Karpenter {wanted}"
    if known is None:
        message = f"this program does not know which release of Karpenter knows Kubernetes {step.after}"
        yield Finding("warning", what, message, "compare with https://karpenter.sh/docs/upgrading/compatibility/")
    elif tuple(int(part) for part in wanted.split(".")[:2]) < known.karpenter:
        oldest = ".".join(map(str, known.karpenter))
        message = f"it does not know Kubernetes {step.after}; {oldest} is the first that does"
        way_out = f'set karpenter_version: "{oldest}.0" or newer in the file of {live.env.name}, and deploy'
        yield Finding("blocker", what, message, way_out)


@upgrade_check
def check_chart_ranges(live: Live, step: Step) -> Iterator[Finding]:
    """`kubeVersion` of each chart, as helm judges it."""
    for chart in live.charts(step.after):
        if chart.refusal:
            way_out = f"another version of the chart: addons.{chart.unit}.version in the file of {live.env.name}"
            message = f"helm does not render {chart.chart} for Kubernetes {step.after}"
            yield Finding("blocker", chart.unit, message, way_out, (chart.refusal,))


def _minor(version: str) -> int | None:
    match = re.match(r"v?1\.(\d+)", version)
    return int(match[1]) if match else None
