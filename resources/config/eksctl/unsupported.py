"""What eksctl knows and this pipeline refuses, with the way to go instead. `*` in a path stands for any position."""

from __future__ import annotations

_NODES = "managedNodeGroups.*"
_CONTROLLER = "leave it out; the load balancer controller is a unit with a role of its own"
_KEY = "import the key into EC2 (aws ec2 import-key-pair) and write its publicKeyName"
_FAMILIES = (
    "allowed: AmazonLinux2023, Bottlerocket (AmazonLinux2 has ended, Ubuntu needs an image of its own, no chart has "
    "images for Windows)"
)
_UNMANAGED = "leave it out; EKS has it for unmanaged groups alone"
_SCALING = ("scalingConfig", "ScalingConfig")
_UNMANAGED_FIELDS = (
    "asgMetricsCollection",
    "asgSuspendProcesses",
    "classicLoadBalancerNames",
    "clusterDNS",
    "containerRuntime",
    "cpuCredits",
    "kubeletExtraConfig",
    "localZones",
    "maxInstanceLifetime",
    "targetGroupARNs",
)

REFUSED: dict[str, str] = {
    "nodeGroups": "write the group under managedNodeGroups",
    "availabilityZones": "write the zones under network.create.zones in the environment file",
    "localZones": "use availability zones: network.create.zones in the environment file",
    "outpost": "clusters on Outposts are not supported; leave it out",
    "gitops": "leave it out; Argo CD is installed by the pipeline (products_purchased in the environment file)",
    "privateCluster": "write vpc.clusterEndpoints and, in the environment file, network.create.endpoints",
    "karpenter.createServiceAccount": "write true; the pipeline makes the service account",
    "karpenter.withSpotInterruptionQueue": "write true; the pipeline makes the queue",
    "karpenter.defaultInstanceProfile": "leave it out; Karpenter's nodes have the role of the stack Karpenter-CLUSTER",
    "capabilities.*.configuration": "leave it out; Argo CD is installed by the pipeline, and others have none",
    "remoteNetworkConfig.vpcGatewayID": "leave it out; attach the gateway and write its routes beside the pipeline",
    "remoteNetworkConfig.iam.caBundleCert": "leave it out; credentials come from Systems Manager",
    "remoteNetworkConfig.iam.provider": "write SSM, or the roleARN of a role that Roles Anywhere hands out",
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
    "addons.*.wellKnownPolicies.awsLoadBalancerController": _CONTROLLER,
    "addons.*.podIdentityAssociations.*.targetRoleARN": "CloudFormation has none for add-ons; write the role's own ARN",
    "addons.*.podIdentityAssociations.*.disableSessionTags": "CloudFormation has none for add-ons; leave it out",
    "iam.fargatePodExecutionRolePermissionsBoundary": "write roles.permissions_boundary in the environment file",
    "iamIdentityMappings.*.namespace": "leave it out; it goes with serviceName, and access entries have scopes instead",
    "addons.*.podIdentityAssociations.*.namespace": "leave it out; EKS knows the add-on's namespace",
    "addons.*.permissionsBoundary": "write roles.permissions_boundary in the environment file",
    f"{_NODES}.privateNetworking": "leave it out; nodes are always in private subnets",
    f"{_NODES}.ami": "leave it out; EKS chooses the image (releaseVersion pins it)",
    f"{_NODES}.amiFamily": _FAMILIES,
    f"{_NODES}.efaEnabled": "leave it out; Karpenter's nodes have EFA for pods that ask for vpc.amazonaws.com/efa",
    f"{_NODES}.disablePodIMDS": "leave it out; pods reach the metadata of no node",
    f"{_NODES}.propagateASGTags": "leave it out; a managed group is asked for its labels and taints by its own API",
    f"{_NODES}.securityGroups.withShared": "leave it out; nodes use the cluster's security group",
    f"{_NODES}.securityGroups.withLocal": "leave it out; nodes use the cluster's security group, attachIDs adds others",
    f"{_NODES}.instancePrefix": "write the whole name under instanceName",
    **{f"{_NODES}.{field}": _UNMANAGED for field in _UNMANAGED_FIELDS},
    **{f"{_NODES}.{word}": "write its fields in the group itself, such as minSize" for word in _SCALING},
    f"{_NODES}.overrideBootstrapCommand": "leave it out; nodes start as EKS starts them",
    f"{_NODES}.preBootstrapCommands": "leave it out; nodes start as EKS starts them; use a DaemonSet",
    f"{_NODES}.instancesDistribution": "write spot: true with several instanceTypes, or let Karpenter choose",
    f"{_NODES}.instanceSelector": "write instanceTypes, or let Karpenter choose",
    f"{_NODES}.launchTemplate": "leave it out; the pipeline writes the launch template",
    f"{_NODES}.outpostARN": "nodes on Outposts are not supported; leave it out",
    f"{_NODES}.ssh.enableSsm": "leave it out; Session Manager reaches every node",
    **{f"{_NODES}.ssh.{field}": _KEY for field in ("publicKey", "publicKeyPath")},
    **{
        f"{_NODES}.iam.withAddonPolicies.{policy}": "give the permissions to the service account that needs them: "
        "iam.podIdentityAssociations"
        for policy in ("imageBuilder", "xRay", "appMesh", "appMeshPreview")
    },
    f"{_NODES}.iam.attachPolicy": "write the policy in IAM and name it under attachPolicyARNs",
    f"{_NODES}.iam.instanceRolePermissionsBoundary": "write roles.permissions_boundary in the environment file",
}


def is_refused(location: tuple[str | int, ...]) -> bool:
    """Whether the location lies in a field that is refused."""
    return any(way_out(location[:end]) is not None for end in range(1, len(location) + 1))


def way_out(location: tuple[str | int, ...]) -> str | None:
    """What to do instead of the refused field at this location; None where the field is not one of these."""
    return REFUSED.get(".".join("*" if isinstance(step, int) else step for step in location))
