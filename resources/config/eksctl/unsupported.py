"""What eksctl knows and this pipeline refuses, with the way to go instead. `*` in a path stands for any position."""

from __future__ import annotations

_NODES = "managedNodeGroups.*"
_CONTROLLER = "leave it out; the load balancer controller is a unit with a role of its own"

REFUSED: dict[str, str] = {
    "nodeGroups": "write the group under managedNodeGroups",
    "availabilityZones": "write the zones under network.create.zones in the environment file",
    "localZones": "use availability zones: network.create.zones in the environment file",
    "outpost": "clusters on Outposts are not supported; leave it out",
    "gitops": "leave it out; Argo CD is installed by the pipeline (products_purchased in the environment file)",
    "privateCluster": "write vpc.clusterEndpoints and, in the environment file, network.create.endpoints",
    "karpenter": "leave it out; Karpenter is a unit (karpenter_version in the environment file)",
    "capabilities": "leave it out; Argo CD and controllers are installed by the pipeline",
    "identityProviders": "write accessConfig.accessEntries for IAM identities",
    "remoteNetworkConfig": "hybrid nodes are not supported; leave it out",
    "vpc.hostnameType": "leave it out; nodes keep the name that EC2 gives them",
    "vpc.cidr": "write it under network.create.cidr in the environment file",
    "vpc.nat": "write it under network.create.nat in the environment file",
    "vpc.autoAllocateIPv6": "leave it out; the environment's network is IPv4",
    "kubernetesNetworkConfig.ipFamily": "leave it out; the environment's network is IPv4",
    "vpc.securityGroup": "leave it out; EKS makes the cluster's security group",
    "vpc.sharedNodeSecurityGroup": "leave it out; nodes use the cluster's security group",
    "vpc.manageSharedNodeSecurityGroupRules": "leave it out; nodes use the cluster's security group",
    "iam.serviceRoleARN": "leave it out; the pipeline makes the cluster's role",
    "iam.serviceRolePermissionsBoundary": "write roles.permissions_boundary in the environment file",
    "iam.vpcResourceControllerPolicy": "leave it out; the policy is always attached",
    "iam.fargatePodExecutionRoleARN": "write podExecutionRoleARN in the Fargate profile",
    "iamIdentityMappings.*.account": "write an entry with an arn for each role; access entries know no accounts",
    "iamIdentityMappings.*.serviceName": "write an entry with the arn of the service's role",
    "addons.*.attachPolicyARNs": "write podIdentityAssociations with permissionPolicyARNs",
    "addons.*.attachPolicy": "write podIdentityAssociations with permissionPolicy",
    "addons.*.wellKnownPolicies": "write podIdentityAssociations with wellKnownPolicies",
    "addons.*.podIdentityAssociations.*.namespace": "leave it out; EKS knows the add-on's namespace",
    "addons.*.podIdentityAssociations.*.createServiceAccount": "leave it out; the add-on brings the service account",
    "addons.*.permissionsBoundary": "write roles.permissions_boundary in the environment file",
    "accessConfig.bootstrapClusterCreatorAdminPermissions": "write an access entry for whoever administers the cluster",
    "iam.podIdentityAssociations.*.createServiceAccount": "leave it out; its application brings the service account",
    "iam.podIdentityAssociations.*.wellKnownPolicies.awsLoadBalancerController": _CONTROLLER,
    "iam.serviceAccounts.*.wellKnownPolicies.awsLoadBalancerController": _CONTROLLER,
    f"{_NODES}.privateNetworking": "leave it out; nodes are always in private subnets",
    f"{_NODES}.ami": "leave it out; EKS chooses the image (releaseVersion pins it)",
    f"{_NODES}.bottlerocket": "leave it out; nodes run AmazonLinux2023",
    f"{_NODES}.overrideBootstrapCommand": "leave it out; nodes start as EKS starts them",
    f"{_NODES}.preBootstrapCommands": "leave it out; nodes start as EKS starts them; use a DaemonSet",
    f"{_NODES}.instancesDistribution": "write spot: true with several instanceTypes, or let Karpenter choose",
    f"{_NODES}.instanceSelector": "write instanceTypes, or let Karpenter choose",
    f"{_NODES}.launchTemplate": "leave it out; the pipeline writes the launch template",
    f"{_NODES}.outpostARN": "nodes on Outposts are not supported; leave it out",
    f"{_NODES}.ssh": "leave it out; use a Session Manager session or kubectl debug",
    f"{_NODES}.iam.withAddonPolicies": "give the permissions to the service account: iam.podIdentityAssociations",
    f"{_NODES}.iam.attachPolicy": "write the policy in IAM and name it under attachPolicyARNs",
    f"{_NODES}.iam.instanceRolePermissionsBoundary": "write roles.permissions_boundary in the environment file",
    f"{_NODES}.securityGroups": "leave it out; nodes use the cluster's security group",
}


def way_out(location: tuple[str | int, ...]) -> str | None:
    """What to do instead of the refused field at this location; None where the field is not one of these."""
    return REFUSED.get(".".join("*" if isinstance(step, int) else step for step in location))
