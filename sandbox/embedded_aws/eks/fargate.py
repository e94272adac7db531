"""EKS Fargate profiles. They are kept on the cluster's record; no pod runs on Fargate here."""

import uuid

from ministack.core.responses import get_account_id, get_region

from .records import EksRefusal, Record, Response, answer, cluster_of, now, require_role, require_subnets


def create_profile(cluster_name: str, body: Record) -> Response:
    """CreateFargateProfile. Raises EksRefusal for a name in use, a missing role or subnet, or no selector."""
    profiles = cluster_of(cluster_name).setdefault("_fargate_profiles", {})
    name = str(body.get("fargateProfileName") or "")
    if not name or not body.get("selectors"):
        raise EksRefusal("InvalidParameterException", "A Fargate profile needs a name and at least one selector.")
    if name in profiles:
        raise EksRefusal("ResourceInUseException", f"Fargate Profile already exists with name: {name}", 409)
    require_role(str(body.get("podExecutionRoleArn") or ""), "Pod execution role")
    require_subnets(list(body.get("subnets") or []))
    arn = f"arn:aws:eks:{get_region()}:{get_account_id()}:fargateprofile/{cluster_name}/{name}/{uuid.uuid4()}"
    profiles[name] = {
        "fargateProfileName": name,
        "fargateProfileArn": arn,
        "clusterName": cluster_name,
        "createdAt": now(),
        "podExecutionRoleArn": body["podExecutionRoleArn"],
        "subnets": list(body.get("subnets") or []),
        "selectors": body["selectors"],
        "status": "ACTIVE",
        "tags": dict(body.get("tags") or {}),
        "health": {"issues": []},
    }
    return answer({"fargateProfile": profiles[name]})


def profile_of(cluster_name: str, name: str) -> Record:
    """The profile's record. Raises EksRefusal when there is none."""
    profile: Record | None = cluster_of(cluster_name).get("_fargate_profiles", {}).get(name)
    if profile is None:
        raise EksRefusal("ResourceNotFoundException", f"No Fargate Profile found with name: {name}.", 404)
    return profile


def describe_profile(cluster_name: str, name: str) -> Response:
    """DescribeFargateProfile."""
    return answer({"fargateProfile": profile_of(cluster_name, name)})


def list_profiles(cluster_name: str) -> Response:
    """ListFargateProfiles."""
    return answer({"fargateProfileNames": sorted(cluster_of(cluster_name).get("_fargate_profiles", {}))})


def delete_profile(cluster_name: str, name: str) -> Response:
    """DeleteFargateProfile."""
    profile = profile_of(cluster_name, name)
    del cluster_of(cluster_name)["_fargate_profiles"][name]
    return answer({"fargateProfile": {**profile, "status": "DELETING"}})
