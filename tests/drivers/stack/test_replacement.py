"""Which changes of a change set are refused as replacements."""

from __future__ import annotations

from typing import Any

import pytest

from resources.drivers.stack.preview import refuse_replacements
from resources.model.errors import Refused
from resources.model.outputs import NoOutputs
from resources.model.specs import Stack


def change(logical_id: str, replacement: str, *details: dict[str, Any]) -> dict[str, Any]:
    resource = {"LogicalResourceId": logical_id, "ResourceType": "AWS::X::Y", "Replacement": replacement}
    return {"ResourceChange": {**resource, "Details": list(details)}}


def detail(name: str, recreation: str = "Always", **more: str) -> dict[str, Any]:
    return {"Target": {"Attribute": "Properties", "Name": name, "RequiresRecreation": recreation}, **more}


FOLLOWS_ROLE = detail("RoleArn", ChangeSource="ResourceAttribute", CausingEntity="Role.Arn")


def stack(**more: Any) -> Stack[NoOutputs]:
    return Stack[NoOutputs](name="s", template={}, **more)


@pytest.mark.parametrize("replacement", ["True", "Conditional"])
def test_replacement_is_refused_with_its_cause(replacement: str) -> None:
    """Certain and possible replacements are refused, with the property that causes them."""
    with pytest.raises(Refused, match=r"replace AWS::X::Y Cluster \(because of Name\)"):
        refuse_replacements(stack(), {"Changes": [change("Cluster", replacement, detail("Name"))]})


def test_arn_of_unreplaced_role_causes_no_replacement() -> None:
    """A conditional replacement through an ARN that stays is accepted."""
    changes = [change("Role", "False", detail("Policies", "Never")), change("Cluster", "Conditional", FOLLOWS_ROLE)]
    refuse_replacements(stack(), {"Changes": changes})


def test_security_group_of_a_cluster_that_is_changed_causes_no_replacement() -> None:
    """Rules of the group that EKS made for the cluster stay while the cluster does."""
    follows = detail("GroupId", ChangeSource="ResourceAttribute", CausingEntity="Cluster.ClusterSecurityGroupId")
    changes = [change("Cluster", "False", detail("Logging", "Never")), change("Rule", "Conditional", follows)]
    refuse_replacements(stack(), {"Changes": changes})


def test_version_of_a_launch_template_may_replace() -> None:
    """An attribute that changes with its resource is a cause."""
    follows = detail("Launch", ChangeSource="ResourceAttribute", CausingEntity="Template.LatestVersionNumber")
    changes = [change("Template", "False", detail("Data", "Never")), change("Group", "Conditional", follows)]
    with pytest.raises(Refused, match="Group"):
        refuse_replacements(stack(), {"Changes": changes})


def test_arn_of_replaced_role_causes_replacement() -> None:
    """A conditional replacement through an ARN that changes is refused."""
    changes = [change("Role", "True", detail("RoleName")), change("Cluster", "Conditional", FOLLOWS_ROLE)]
    with pytest.raises(Refused, match="Cluster"):
        refuse_replacements(stack(may_replace=("Role",)), {"Changes": changes})


def test_replacement_in_may_replace_is_accepted() -> None:
    """Resources in `may_replace` may be replaced."""
    refuse_replacements(stack(may_replace=("Group",)), {"Changes": [change("Group", "True", detail("AmiType"))]})


def test_update_in_place_is_accepted() -> None:
    """An update without replacement is accepted."""
    refuse_replacements(stack(), {"Changes": [change("Cluster", "False", detail("Logging", "Never"))]})
