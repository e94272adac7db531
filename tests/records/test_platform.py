"""One file describes a platform: the one that its stacks name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from resources.config.loader import list_namesakes
from resources.model.errors import ConfigError
from resources.records.lease import hold_lease
from resources.records.platform import check_incumbent
from tests.helpers.embedded_aws_server import Aws, resource
from tests.helpers.leases import ContextOf
from tests.helpers.yaml_bombs import ALIAS_BOMB

TAG = "eks-assets:environment"
BOTH = "environment second and sandbox describe one platform, 000000000000/us-west-2/demo-sandbox"
TAKEN = "environment second describes the platform of sandbox, 000000000000/us-west-2/demo-sandbox"


@pytest.fixture
def second(contexts: ContextOf, environments: Path) -> Path:
    """Another file for the platform of `sandbox`."""
    file = environments / "second.yaml"
    file.write_text((environments / "sandbox.yaml").read_text())
    return file


@pytest.fixture
def tag_stack(embedded: Aws) -> Iterator[str]:
    """The platform's first stack exists, and names `sandbox`."""
    name = "demo-sandbox-network"
    embedded.deploy(name, {"Topic": resource("SNS::Topic")}, Tags=[{"Key": TAG, "Value": "sandbox"}])
    yield name
    embedded.client("cloudformation").delete_stack(StackName=name)


def test_only_file_needs_no_stack(contexts: ContextOf) -> None:
    check_incumbent(contexts("run"))


def test_two_files_of_nothing_are_refused(contexts: ContextOf, second: Path, embedded: Aws) -> None:
    """As long as nothing exists, nobody knows which one is meant; the shell of a stack says nothing."""
    shell = embedded.client("cloudformation")
    shell.create_change_set(
        StackName="demo-sandbox-bootstrap",
        ChangeSetName="shell",
        ChangeSetType="CREATE",
        TemplateBody='{"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}',
        Tags=[{"Key": TAG, "Value": "second"}],
    )
    with pytest.raises(ConfigError, match=BOTH):
        check_incumbent(contexts("run", "second"))
    with pytest.raises(ConfigError, match="environment sandbox and second describe one platform"):
        check_incumbent(contexts("run"))
    shell.delete_stack(StackName="demo-sandbox-bootstrap")


def test_file_that_stacks_name_goes_on(contexts: ContextOf, second: Path, tag_stack: str) -> None:
    """The incumbent deploys; the second file neither looks nor changes anything, and the refusal names both."""
    check_incumbent(contexts("run"))
    with pytest.raises(ConfigError, match=TAKEN) as refused:
        check_incumbent(contexts("run", "second"))
    assert "eks-assets bootstrap second --apply --renamed-from sandbox" in refused.value.next_step
    with pytest.raises(ConfigError, match=TAKEN), hold_lease(contexts("run", "second"), who="ann"):
        pass


def test_second_file_elsewhere_is_refused(contexts: ContextOf, environments: Path, tag_stack: str) -> None:
    """Also where the incumbent's file is not in the folder."""
    (environments / "sandbox.yaml").rename(environments / "second.yaml")
    with pytest.raises(ConfigError, match=TAKEN):
        check_incumbent(contexts("run", "second"))


def test_renamed_file_is_the_incumbent_once_it_says_so(contexts: ContextOf, second: Path, tag_stack: str) -> None:
    """A rename on purpose names the former name, which must be the one that stacks carry, and whose file is gone."""
    with pytest.raises(ConfigError, match="environment second and sandbox describe one platform"):
        check_incumbent(contexts("run", "second"), "sandbox")
    second.with_name("sandbox.yaml").unlink()
    with pytest.raises(ConfigError, match=TAKEN):
        check_incumbent(contexts("run", "second"), "another")
    check_incumbent(contexts("run", "second"), "sandbox")


@pytest.mark.parametrize("content", ["", "[", "- 1", "tenant: {}\n", ALIAS_BOMB, "\0", "tenant: &a [*a]"])
def test_broken_file_stops_no_other(contexts: ContextOf, environments: Path, content: str) -> None:
    (environments / "zz.yaml").write_text(content)
    assert list_namesakes(contexts("run").env) == ()


def test_prefix_decides_not_its_parts(contexts: ContextOf, environments: Path) -> None:
    """Names begin with tenant and target_env together: a-b and c make those of a and b-c."""
    env = contexts("run").env.model_copy(update={"tenant": "a", "target_env": "b-c"})
    for name, tenant, target, region in (
        ("same", "a-b", "c", env.region),
        ("region", "a-b", "c", "eu-west-1"),
        ("other", "a-b", "d", env.region),
    ):
        fields = {"tenant": tenant, "target_env": target, "account": env.account, "region": region}
        (environments / f"{name}.yaml").write_text(yaml.safe_dump(fields))
    (environments / "aliased.yaml").write_text(
        f"x: &x {{tenant: a-b, target_env: c}}\n<<: *x\naccount: '{env.account}'\nregion: {env.region}\n"
    )
    assert list_namesakes(env) == ("aliased", "same")
