"""Every kind of change in AWS is found where it was made, nothing else is, and one deploy puts it back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from eks_assets.plan.drift import FindingEntry
from resources.config.environment import Environment
from resources.model.errors import OperationFailed
from tests.injections.aws_eks import EKS
from tests.injections.aws_environment import AwsEnvironment, aws_environment
from tests.injections.aws_identity import IDENTITY
from tests.injections.aws_injection import AwsInjection, Held
from tests.injections.aws_network import NETWORK
from tests.injections.aws_undeclared import INTRUDERS, place_of
from tests.injections.recall import Recall
from tests.injections.rounds import plan_rounds

pytestmark = pytest.mark.sandbox
ALL = {injection.name: injection for injection in (*IDENTITY, *NETWORK, *EKS)}
Key = tuple[str, str]


@pytest.fixture(scope="module")
def environment(sandbox_env: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwsEnvironment]:
    with aws_environment(sandbox_env, tmp_path_factory.mktemp("embedded-aws")) as made:
        yield made


def held_by_key(environment: AwsEnvironment) -> dict[Key, Held]:
    return {(one.stack, one.logical_id): one for one in environment.held()}


def is_about(finding: FindingEntry, injection: AwsInjection, held: Held) -> bool:
    return finding.object == held.title and finding.path.split(".")[0] == injection.path


def check_round(environment: AwsEnvironment, changes: list[tuple[str, Key]], recall: Recall) -> None:
    """Make the changes, compare, take back by hand what no deploy does, deploy, and compare again."""
    held = held_by_key(environment)
    for kind, key in changes:
        ALL[kind].act(environment.client, held[key])
    findings = environment.drift().findings
    for kind, key in changes:
        recall.note(kind, held[key].title, is_found=any(is_about(f, ALL[kind], held[key]) for f in findings))
    titles = {held[key].title for _, key in changes}
    recall.false += [f"{f.object}: {f.path}" for f in findings if f.object not in titles]
    for kind, key in changes:
        if undo := ALL[kind].undo:
            undo(environment.client, held[key])
    environment.deploy()
    left = {finding.object for finding in environment.drift().findings}
    now = held_by_key(environment)
    for kind, key in changes:
        recall.note_after(kind, now[key].title, is_restored=now[key].title not in left)


def shared_out(environment: AwsEnvironment, each: int, most: int) -> list[list[tuple[str, Key]]]:
    held = held_by_key(environment)
    return plan_rounds(
        {name: [key for key, one in held.items() if injection.allows(one)] for name, injection in ALL.items()},
        each,
        most,
    )


def test_changes_of_most_resources_are_found_and_put_back(environment: AwsEnvironment) -> None:
    """One change a resource, all at once, with the pipeline's own roles."""
    assert environment.drift().findings == ()
    recall = Recall()
    check_round(environment, shared_out(environment, 5, 1)[0], recall)
    print(recall)
    assert (recall.missed, recall.false, recall.left) == ([], [], [])


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_every_kind_of_change_is_found_and_put_back(environment: AwsEnvironment) -> None:
    """Each of up to 5 resources, in as many rounds as the rarest kinds of resources need."""
    recall = Recall()
    for changes in shared_out(environment, 5, 10):
        check_round(environment, changes, recall)
    print(recall)
    assert (recall.missed, recall.false, recall.left) == ([], [], [])
    assert recall.injected.keys() == ALL.keys()


def test_deploy_says_what_it_does_not_put_back(environment: AwsEnvironment) -> None:
    """The configuration of an add-on whose template has none: with the command that takes it away."""
    addon = next(one for one in environment.held() if one.logical_id == "Coredns")
    ALL["add-on's configuration"].act(environment.client, addon)
    with pytest.raises(OperationFailed) as caught:
        environment.deploy("pod_addons")
    assert "ConfigurationValues" in caught.value.message
    assert "aws eks update-addon" in str(caught.value.next_step)
    undo = ALL["add-on's configuration"].undo
    assert undo is not None
    undo(environment.client, addon)
    environment.deploy("pod_addons")


def test_what_nobody_declared_is_found(environment: AwsEnvironment) -> None:
    """One of each kind, and nothing else; once it is taken away nothing is left."""
    client, env = environment.client, environment.env
    assert environment.undeclared().findings == ()
    place = place_of(client, env)
    made = {intruder.make(client, env, place): intruder for intruder in INTRUDERS}
    found = environment.undeclared()
    assert {f.resource.physical_id for f in found.findings if f.resource} == set(made)
    assert (len(found.findings), found.unchecked) == (len(made), ())
    for physical_id, intruder in made.items():
        intruder.remove(client, env, physical_id)
    assert environment.undeclared().findings == ()
