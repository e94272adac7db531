"""Whom the API server of an environment's cluster lets in, and what to do where that is not this machine.

A connection that no rule allows is not refused but dropped: its client waits until it gives up (EKS user guide,
"Cluster API server endpoint"). Which address a request has on its way out only AWS sees, so the rules are named, not
compared.
"""

from __future__ import annotations

from resources.config.environment import Environment
from resources.model.errors import Unreachable

_EVERYWHERE, _NODES_ONLY = "0.0.0.0/0", "nobody but the cluster's own nodes"


def is_limited(env: Environment) -> bool:
    """Whether the API server answers some addresses only."""
    vpc = env.cluster.vpc
    return not vpc.cluster_endpoints.public_access or _EVERYWHERE not in (vpc.public_access_cidrs or (_EVERYWHERE,))


def is_closed(env: Environment) -> bool:
    """Whether the API server of a cluster that is made now answers nobody but the cluster's own nodes."""
    vpc = env.cluster.vpc
    return not (vpc.cluster_endpoints.public_access or vpc.extra_cidrs or vpc.control_plane_security_group_ids)


def describe_rules(env: Environment) -> str:
    """Who is let in, by the ClusterConfig."""
    vpc, ways = env.cluster.vpc, list[str]()
    if vpc.cluster_endpoints.public_access:
        ways.append(f"{', '.join(vpc.public_access_cidrs) or 'everybody'} from the Internet (vpc.publicAccessCIDRs)")
    if vpc.cluster_endpoints.private_access:
        inside = [f"{', '.join(vpc.extra_cidrs)} (vpc.extraCIDRs)"] if vpc.extra_cidrs else []
        if groups := vpc.control_plane_security_group_ids:
            inside.append(f"whom the rules of {', '.join(groups)} allow")
        ways.append(f"{' and '.join(inside) or _NODES_ONLY} inside of the VPC")
    return "the API server lets in " + ", and ".join(ways)


def way_in(env: Environment) -> str:
    """What to do where the API server does not let this machine in."""
    field = "publicAccessCIDRs" if env.cluster.vpc.cluster_endpoints.public_access else "extraCIDRs"
    return (
        f"add this machine's address to vpc.{field} in the ClusterConfig of {env.name}, or run inside of the VPC, over "
        f"a VPN or on a bastion whose address vpc.extraCIDRs has; then: eks-assets deploy {env.name}"
    )


def no_way_in(env: Environment, endpoint: str) -> Unreachable:
    """The error for a connection that was dropped."""
    message = f"{endpoint} takes no connection: no rule lets this machine in; {describe_rules(env)}"
    return Unreachable(message, next_step=way_in(env))
