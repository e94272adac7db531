"""What of a change touches identity or reach: who may do what, where code comes from, and what can be reached. Pure.

The tables hold what grants nothing. Whatever they do not name counts: a kind that nobody has thought of passes the gate
too. Each line is here because a change of it gives nobody a right, opens no way in, and lets no other code run.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from resources.model.change import FieldChange, diff, is_within

# Parts of any resource: its order, and what becomes of it when its stack goes.
_OF_EVERY_RESOURCE = ("DependsOn", "DeletionPolicy", "UpdateReplacePolicy", "Properties.Description")
_TAGS = "Properties.Tags"
# CloudFormation type -> its parts. `Properties`: all of it, its existence included.
RESOURCES: Mapping[str, tuple[str, ...]] = {
    "AWS::CertificateManager::Certificate": (_TAGS,),
    "AWS::EC2::EIP": ("Properties",),
    "AWS::EC2::LaunchTemplate": (
        "Properties.LaunchTemplateData.BlockDeviceMappings",
        "Properties.LaunchTemplateData.TagSpecifications",
        "Properties.TagSpecifications",
    ),
    "AWS::EC2::NatGateway": ("Properties",),
    "AWS::EC2::RouteTable": ("Properties",),  # what it leads to is in its routes
    "AWS::EC2::SecurityGroup": (_TAGS,),
    "AWS::EC2::Subnet": (_TAGS,),
    "AWS::EC2::VPC": (_TAGS, "Properties.EnableDnsHostnames", "Properties.EnableDnsSupport"),
    "AWS::EFS::FileSystem": (
        "Properties.BackupPolicy",
        "Properties.FileSystemTags",
        "Properties.LifecyclePolicies",
        "Properties.ProvisionedThroughputInMibps",
        "Properties.ThroughputMode",
    ),
    "AWS::EKS::Addon": ("Properties.AddonVersion", "Properties.PreserveOnDelete", "Properties.ResolveConflicts", _TAGS),
    "AWS::EKS::Cluster": ("Properties.UpgradePolicy", "Properties.Version", "Properties.ZonalShiftConfig", _TAGS),
    "AWS::EKS::Nodegroup": (
        "Properties.CapacityType",
        "Properties.DiskSize",
        "Properties.ForceUpdateEnabled",
        "Properties.InstanceTypes",
        "Properties.Labels",
        "Properties.NodeRepairConfig",
        "Properties.ReleaseVersion",
        "Properties.ScalingConfig",
        "Properties.Taints",
        "Properties.UpdateConfig",
        "Properties.Version",
        _TAGS,
    ),
    "AWS::Logs::LogGroup": ("Properties.RetentionInDays", _TAGS),
    "AWS::S3::Bucket": ("Properties.LifecycleConfiguration", _TAGS),
    "AWS::SQS::Queue": ("Properties.MessageRetentionPeriod", "Properties.VisibilityTimeout", _TAGS),
}
# Resources are judged with the parameters, conditions and mappings that they refer to. Tags of a whole stack grant
# nothing: no policy of ours asks for a principal's tags.
_SECTIONS = ("AWSTemplateFormatVersion", "Conditions", "Description", "Mappings", "Outputs", "Parameters", "Resources")

_VERSION_LABELS = r"metadata\.(?:labels|annotations)\.(?:helm\.sh/chart|app\.kubernetes\.io/version)"
_POD = r"spec\.template\.spec\."
_CONTAINER = rf"{_POD}(?:initC|c)ontainers\[[^\]]*\]\."
_WORKLOAD = (
    r"spec\.(?:replicas|minReadySeconds|revisionHistoryLimit|progressDeadlineSeconds|strategy|updateStrategy)",
    rf"spec\.template\.{_VERSION_LABELS}",
    r"spec\.template\.metadata\.annotations\.checksum/.*",
    rf"{_POD}(?:affinity|nodeSelector|priorityClassName|terminationGracePeriodSeconds|tolerations)",
    rf"{_POD}topologySpreadConstraints",
    rf"{_CONTAINER}(?:resources|livenessProbe|readinessProbe|startupProbe)",
)
# Kubernetes kind -> patterns of its fields. An empty one: all of it, its existence included.
OBJECTS: Mapping[str, tuple[str, ...]] = {
    # The API server checks what a schema says; who converts between versions is a webhook.
    "CustomResourceDefinition": (r"spec\.versions", r"metadata\.annotations\.controller-gen\.kubebuilder\.io/version"),
    "DaemonSet": _WORKLOAD,
    "Deployment": _WORKLOAD,
    "HorizontalPodAutoscaler": ("",),
    "NodePool": (
        r"spec\.(?:disruption|limits|weight)",
        r"spec\.template\.metadata\.labels",
        r"spec\.template\.spec\.(?:expireAfter|requirements|startupTaints|taints|terminationGracePeriod)",
    ),
    "PodDisruptionBudget": ("",),
    "PriorityClass": ("",),
    "StatefulSet": _WORKLOAD,
    "StorageClass": (
        r"allowVolumeExpansion|reclaimPolicy|volumeBindingMode",
        r"metadata\.annotations\.storageclass\.kubernetes\.io/is-default-class",
        r"parameters\.(?:type|iops|throughput)",
    ),
}
# What helm renders anew each time in these is nobody's choice: generated certificates and passwords.
_GENERATED = {
    "MutatingWebhookConfiguration": r"webhooks\[\d+\]\.clientConfig\.caBundle",
    "Secret": r"data\..*",
    "ValidatingWebhookConfiguration": r"webhooks\[\d+\]\.clientConfig\.caBundle",
}
_IMAGE = re.compile(rf"{_CONTAINER}image")


def is_reach_of_object(kind: str, field: FieldChange) -> bool:
    """Whether a field of a Kubernetes object touches identity or reach. The field's path is the one in the object,
    empty where all of it comes or goes."""
    path = field.path.replace('["', "").replace('"]', "")
    if re.match(rf"{_VERSION_LABELS}$", path):
        return False
    if kind in ("DaemonSet", "Deployment", "StatefulSet") and _IMAGE.fullmatch(path):
        return _image_source(field.before) != _image_source(field.after)
    patterns = OBJECTS.get(kind, ())
    return "" not in patterns and not any(_pattern(pattern).match(path) for pattern in patterns)


def is_reach_of_volatile(kind: str, path: str) -> bool:
    """Whether a field that differs at every render, and is compared nowhere, could hide identity or reach. `path` is
    `*` where the object's name differs."""
    generated = _GENERATED.get(kind)
    if generated and re.fullmatch(generated, path):
        return False
    return path == "*" or is_reach_of_object(kind, FieldChange(path, "", None))


def list_template_reach(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    """The parts in which two stacks differ that touch identity or reach. Both as a driver observes a stack: `template`,
    `parameters`, and where there is one its `policy`; empty: no stack."""
    old, new = _Template(before), _Template(after)
    parts = ["stack policy"] if before.get("policy") != after.get("policy") else []
    parts += [s for s in sorted(old.body.keys() | new.body.keys()) if s not in _SECTIONS and old.differs(new, s)]
    parts += ["exported outputs"] if old.exports() != new.exports() else []
    for name in sorted(old.resources.keys() | new.resources.keys()):
        one, two = old.resource(name), new.resource(name)
        kind = str(two.get("Type") or one.get("Type"))
        if where := _reach_of_resource(kind, one, two):
            parts.append(f"{name} ({kind}): {', '.join(where)}")
    return tuple(parts)


def _reach_of_resource(kind: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """The parts of a resource that differ and count, empty where none does. A resource that is not there is like one of
    the same type without anything."""
    fields = diff({"Type": kind, **old}, {"Type": kind, **new})
    harmless = (*_OF_EVERY_RESOURCE, *RESOURCES.get(kind, ()))
    paths = [field.path for field in fields if not _is_below(field.path, harmless)]
    if not fields and bool(old) != bool(new) and "Properties" not in harmless:
        paths = ["Type"]  # it has no part of its own: that it exists is all
    return sorted({path.split(".")[1 if path.startswith("Properties.") else 0].partition("[")[0] for path in paths})


def is_reach_of_property(kind: str, path: str) -> bool:
    """Whether a property of a resource touches identity or reach; `path` is dotted, empty for the whole resource."""
    harmless = (*_OF_EVERY_RESOURCE, *RESOURCES.get(kind, ()))
    return not _is_below(f"Properties.{path}" if path else "Properties", harmless)


def _is_below(path: str, tops: Iterable[str]) -> bool:
    return any(is_within(path, top) for top in tops)


class _Template:
    """A template in which whatever a resource refers to stands beside the reference."""

    def __init__(self, stack: Mapping[str, Any]) -> None:
        self.body: Mapping[str, Any] = stack.get("template") or {}
        self.resources: Mapping[str, Any] = self.body.get("Resources") or {}
        defaults = {name: p.get("Default") for name, p in (self.body.get("Parameters") or {}).items()}
        self._values = {**defaults, **(stack.get("parameters") or {})}

    def differs(self, other: _Template, section: str) -> bool:
        return bool(self.body.get(section) != other.body.get(section))

    def exports(self) -> dict[str, Any]:
        """The outputs that other stacks may import."""
        outputs = self.body.get("Outputs") or {}
        return {name: self._closed(output) for name, output in outputs.items() if "Export" in output}

    def resource(self, name: str) -> dict[str, Any]:
        """The resource, empty where there is none."""
        resource = self.resources.get(name, {})
        if not isinstance(resource, Mapping):
            return {"Type": "not a resource", "content": resource}  # a loop of a macro
        closed: dict[str, Any] = self._closed(resource)
        # A macro rewrites what stands around it, so it is no part of the property that holds it.
        return closed | ({"Fn::Transform": closed} if '"Fn::Transform"' in json.dumps(resource, default=str) else {})

    def _closed(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._closed(item) for item in value]
        if not isinstance(value, Mapping):
            return value
        closed = {key: self._closed(item) for key, item in value.items()}
        if values := self._referred(value):
            closed["what it refers to"] = values
        return closed

    def _referred(self, value: Mapping[str, Any]) -> dict[str, Any]:
        """The values of the parameters, and the text of the conditions and mappings, that a mapping names."""
        names: list[str] = [value["Ref"]] if isinstance(value.get("Ref"), str) else []
        for text in _texts(value.get("Fn::Sub")):
            names += re.findall(r"\$\{(\w+)\}", text)
        referred = {name: self._values[name] for name in names if name in self._values}
        conditions = self.body.get("Conditions") or {}
        named = [*_texts(value.get("Condition")), *_texts(value.get("Fn::If"))]
        referred |= {name: self._closed(conditions[name]) for name in named if name in conditions}
        mappings = self.body.get("Mappings") or {}
        return referred | ({"Mappings": mappings} if "Fn::FindInMap" in value else {})


def _texts(value: Any) -> list[str]:
    """The plain texts of a function's argument."""
    items = value if isinstance(value, list) else [value]
    return [item for item in items if isinstance(item, str)]


@cache
def _pattern(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"(?:{pattern})(?:[.\[]|$)")


def _image_source(image: Any) -> str:
    """An image without its tag and digest: whose code it is."""
    name = str(image).partition("@")[0]
    head, slash, tail = name.rpartition("/")
    return f"{head}{slash}{tail.partition(':')[0]}"
