"""AWS Load Balancer Controller: a network load balancer per Service of type LoadBalancer, while its pods are Ready.

The load balancer has one network interface per subnet, as in real life. Both go with the Service, which a finalizer
holds until then; when the controller goes first, the Service stays and so do they: orphans, as in real life.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from botocore.exceptions import ClientError

from sandbox.stand_in.admission import LOAD_BALANCER_CLASS
from sandbox.stand_in.aws import Aws, error_code, tags, unsupported
from sandbox.stand_in.controller import annotation, for_each
from sandbox.stand_in.kube import Kube, Object
from sandbox.stand_in.objects import Objects, object_path

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import FilterTypeDef, NetworkInterfaceTypeDef, SubnetTypeDef
    from mypy_boto3_elbv2.literals import LoadBalancerSchemeEnumType

DEPLOYMENT = "aws-load-balancer-controller"
FIELD_MANAGER = "controller"
FINALIZER = "service.k8s.aws/resources"
SCHEME = "service.beta.kubernetes.io/aws-load-balancer-scheme"
# The cluster's subnets that the real controller discovers, by scheme.
SUBNET_ROLE = {"internet-facing": "kubernetes.io/role/elb", "internal": "kubernetes.io/role/internal-elb"}


def is_load_balancer(service: Object) -> bool:
    """Whether the controller is to make a load balancer for `service`."""
    spec = service["spec"]
    kind = spec.get("loadBalancerClass") or LOAD_BALANCER_CLASS
    return bool(spec.get("type") == "LoadBalancer" and kind == LOAD_BALANCER_CLASS)


def load_balancer_name(cluster: str, namespace: str, name: str, uid: str) -> str:
    """The name that the real controller would give: k8s-NAMESPACE-NAME-HASH, at most 32 characters."""
    short = [re.sub(r"[^a-zA-Z0-9]", "", part)[:8] for part in (namespace, name)]
    return f"k8s-{short[0]}-{short[1]}-{hashlib.sha256(f'{cluster}/{uid}'.encode()).hexdigest()[:10]}"


class LoadBalancers:
    """Reconciles Services of type LoadBalancer; see the module."""

    name: str = "load-balancers"
    resources: tuple[str, ...] = ("services", "deployments")

    def __init__(self, kube: Kube, objects: Objects, aws: Aws, cluster: str, log: Callable[[str, str], None]) -> None:
        self._kube, self._objects, self._aws, self._cluster, self._log = kube, objects, aws, cluster, log

    def reconcile(self) -> None:
        """Make, finish and remove load balancers."""
        if not self._objects.ready(DEPLOYMENT):
            return
        for_each(self._objects.all("services"), self._reconcile)

    def _reconcile(self, service: Object) -> None:
        held = FINALIZER in (service["metadata"].get("finalizers") or [])
        wanted = is_load_balancer(service) and not service["metadata"].get("deletionTimestamp")
        if annotation(service, "sandbox/mode") == "stuck":
            return
        if wanted and not (held and (service.get("status") or {}).get("loadBalancer", {}).get("ingress")):
            self._provide(service)
        elif held and not wanted:
            self._remove(service)

    def _provide(self, service: Object) -> None:
        meta, path = service["metadata"], object_path("services", service)
        self._kube.set_finalizer(path, service, FINALIZER, present=True)
        name = load_balancer_name(self._cluster, meta["namespace"], meta["name"], meta["uid"])
        scheme = annotation(service, SCHEME) or "internal"
        marks = {
            "elbv2.k8s.aws/cluster": self._cluster,
            "service.k8s.aws/stack": f"{meta['namespace']}/{meta['name']}",
            "service.k8s.aws/resource": "LoadBalancer",
        }
        subnets = self._subnets(scheme)
        host = self._create(name, scheme, subnets, marks)
        self._interfaces(name, subnets)
        self._kube.patch_status(path, {"loadBalancer": {"ingress": [{"hostname": host}]}}, FIELD_MANAGER)
        self._log(self.name, f"{marks['service.k8s.aws/stack']} has load balancer {name}")

    def _create(self, name: str, scheme: str, subnets: list[SubnetTypeDef], marks: dict[str, str]) -> str:
        """Create the load balancer (again is fine); its host name."""
        try:
            answer = self._aws.client("elbv2").create_load_balancer(
                Name=name,
                Type="network",
                Scheme=cast("LoadBalancerSchemeEnumType", scheme),
                Subnets=[one["SubnetId"] for one in subnets],
                Tags=tags(marks),
            )
            return str(answer["LoadBalancers"][0]["DNSName"])
        except ClientError as error:
            if error_code(error) == "DuplicateLoadBalancerName":
                found = self._aws.client("elbv2").describe_load_balancers(Names=[name])
                return str(found["LoadBalancers"][0]["DNSName"])
            if not unsupported(error):
                raise
            self._log(self.name, "the embedded AWS has no elbv2, so load balancers exist in the cluster only")
            return f"{name}.elb.{self._aws.region}.amazonaws.com"

    def _subnets(self, scheme: str) -> list[SubnetTypeDef]:
        """Subnets of the cluster's VPC with the tag for `scheme`, else all that the cluster was given."""
        try:
            cluster = self._aws.client("eks").describe_cluster(name=self._cluster)["cluster"]
        except ClientError as error:
            if error_code(error) != "ResourceNotFoundException":
                raise
            self._log(self.name, f"the embedded AWS has no cluster {self._cluster}, so load balancers have no subnets")
            return []
        ids = cluster["resourcesVpcConfig"]["subnetIds"]
        given = self._aws.client("ec2").describe_subnets(SubnetIds=ids)["Subnets"] if ids else []
        role = SUBNET_ROLE.get(scheme, "")
        tagged = [one for one in given if any(tag["Key"] == role for tag in one.get("Tags") or [])]
        zones = {one["AvailabilityZone"]: one for one in tagged or given}
        return [zones[zone] for zone in sorted(zones)]

    def _interface_filter(self, name: str) -> list[FilterTypeDef]:
        return [{"Name": "description", "Values": [self._description(name)]}]

    def _description(self, name: str) -> str:
        return f"ELB net/{name}/{hashlib.sha256(name.encode()).hexdigest()[:16]}"

    def _found_interfaces(self, name: str) -> list[NetworkInterfaceTypeDef]:
        described = self._aws.client("ec2").describe_network_interfaces(Filters=self._interface_filter(name))
        return [one for one in described["NetworkInterfaces"] if one.get("Description") == self._description(name)]

    def _interfaces(self, name: str, subnets: list[SubnetTypeDef]) -> None:
        """One interface per subnet, which is what keeps a subnet from being deleted."""
        have = {one["SubnetId"] for one in self._found_interfaces(name)}
        for subnet in subnets:
            if subnet["SubnetId"] not in have:
                self._aws.client("ec2").create_network_interface(
                    SubnetId=subnet["SubnetId"], Description=self._description(name)
                )

    def _remove(self, service: Object) -> None:
        meta, path = service["metadata"], object_path("services", service)
        name = load_balancer_name(self._cluster, meta["namespace"], meta["name"], meta["uid"])
        client = self._aws.client("elbv2")
        try:
            for found in client.describe_load_balancers(Names=[name])["LoadBalancers"]:
                client.delete_load_balancer(LoadBalancerArn=found["LoadBalancerArn"])
        except ClientError as error:
            if error_code(error) != "LoadBalancerNotFound" and not unsupported(error):
                raise
        for interface in self._found_interfaces(name):
            self._aws.client("ec2").delete_network_interface(NetworkInterfaceId=interface["NetworkInterfaceId"])
        if not meta.get("deletionTimestamp"):
            self._kube.patch_status(path, {"loadBalancer": None}, FIELD_MANAGER)
        self._kube.set_finalizer(path, service, FINALIZER, present=False)
        self._log(self.name, f"{meta['namespace']}/{meta['name']} lost load balancer {name}")
