"""Rounds of changes, in the cluster and in AWS, made to a deployed environment of a running sandbox."""

from __future__ import annotations

import json
import time
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from kubernetes.client.exceptions import ApiException

from eks_assets.graph.rendering import render_spec
from eks_assets.units import load_registry
from resources.aws.session import Aws
from resources.config.environment import Environment
from resources.context import Context
from resources.drivers.helm.shown_secrets import is_hidden_object
from resources.kubernetes.live_diff import object_title
from resources.model.specs import Stack
from tests.helpers.cluster_objects import remove
from tests.injections.access import ACCESS
from tests.injections.aws_eks import EKS
from tests.injections.aws_identity import IDENTITY
from tests.injections.aws_injection import Client, Held, held_resources
from tests.injections.aws_network import NETWORK
from tests.injections.aws_undeclared import INTRUDERS, place_of
from tests.injections.cluster import Declared, change_object, declared_objects
from tests.injections.injection import MANAGERS, Injection
from tests.injections.objects import OBJECTS
from tests.injections.places import as_path, changed_places, is_about
from tests.injections.platform_objects import PLATFORM_OBJECTS
from tests.injections.recall import Recall
from tests.injections.rounds import plan_rounds
from tests.injections.undeclared_objects import UNDECLARED
from tests.injections.workloads import WORKLOADS

if TYPE_CHECKING:
    from tests.conftest import Cli

IN_CLUSTER = {injection.name: injection for injection in (*WORKLOADS, *OBJECTS, *PLATFORM_OBJECTS, *ACCESS)}
IN_AWS = {injection.name: injection for injection in (*IDENTITY, *NETWORK, *EKS)}
EACH, MOST = 5, 16
# What calls webhooks is changed before they are, and before the Services and pods that answer them.
FIRST = ("ExternalSecret", "ClusterSecretStore", "IngressClassParams")
LAST = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
Finding = dict[str, Any]
Key = tuple[str, str]
Place = tuple[str, list[str]]  # how a finding names what was changed, and where in it


class Round:
    """Changes made all at once, and what became of them. `expected`: by kind of change."""

    def __init__(self, env: Environment, recall: Recall) -> None:
        self.env, self.recall = env, recall
        self.context = Context.of(env)
        self.client = administrator(env)
        self.expected: list[tuple[str, Place]] = []
        self.by_hand: list[Any] = []
        self.emptied: set[str] = set()  # units of which nothing is left: one finding

    def change_objects(self, changes: list[tuple[str, str]]) -> None:
        objects = {one.title: one for one in declared_objects(self.context)}
        changes = [change for change in changes if change[1] in objects]
        units = Counter(one.unit for one in objects.values())
        deleted = Counter(objects[title].unit for kind, title in changes if IN_CLUSTER[kind].edit is None)
        self.emptied = {unit for unit, count in deleted.items() if count == units[unit]}
        for number, (kind, title) in enumerate(
            sorted(changes, key=lambda one: (not one[1].startswith(FIRST), one[1].startswith(LAST)))
        ):
            self._change(IN_CLUSTER[kind], objects[title], MANAGERS[number % len(MANAGERS)])

    def _change(self, injection: Injection, one: Declared, manager: str) -> None:
        try:
            before = change_object(injection, one.live, manager, self.context)
        except ApiException as error:
            self.recall.refused.append(f"{injection.name}: {one.title}: {str(error.body)[:300]}")
            return
        places = [""]
        if injection.edit is None and one.unit in self.emptied:
            self.expected.append((injection.name, (f"every object of {one.unit}", places)))
            return
        if injection.edit:
            places = [*changed_places(before, injection.changed(before)), *map(as_path, injection.brings)]
        self.expected.append((injection.name, (one.title, places)))

    def change_resources(self, changes: list[tuple[str, Key]]) -> None:
        held = held_by_key(self.env, self.client)
        for kind, key in changes:
            injection, one = IN_AWS[kind], held[key]
            injection.act(self.client, one)
            self.expected.append((kind, (one.title, [injection.path])))
            if injection.undo:
                self.by_hand.append((injection.undo, one))

    def make_intruders(self) -> None:
        for obj in UNDECLARED:
            self.context.cluster.kind(obj["apiVersion"], obj["kind"]).create(
                body=obj, namespace=obj["metadata"].get("namespace"), field_manager="kubectl-create"
            )
            title = object_title(obj, obj["metadata"].get("namespace"))
            self.expected.append((f"undeclared {obj['kind']}", (title, [""])))
            self.by_hand.append((lambda _, gone: remove(self.context, gone), obj))
        place = place_of(self.client, self.env)
        for intruder in INTRUDERS:
            made = intruder.make(self.client, self.env, place)
            self.expected.append((f"undeclared {intruder.name}", (made, [""])))
            self.by_hand.append((lambda client, made, act=intruder.remove: act(client, self.env, made), made))

    def compare(self, findings: list[Finding]) -> None:
        """Note what was found, and what was found that nobody did."""
        for kind, place in self.expected:
            self.recall.note(kind, place[0], is_found=any(is_of(finding, place) for finding in findings))
        for finding in findings:
            if not any(is_of(finding, place) for _, place in self.expected):
                self.recall.false.append(described(finding))

    def put_back_by_hand(self) -> None:
        for act, what in self.by_hand:
            act(self.client, what)

    def compare_after(self, findings: list[Finding]) -> None:
        for kind, (title, places) in self.expected:
            self.recall.note_after(kind, title, is_restored=not any(is_of(f, (title, places)) for f in findings))
        self.recall.left += [described(finding) for finding in findings]


def is_of(finding: Finding, place: Place) -> bool:
    name, paths = place
    named = finding["object"] == name or f" {name}" in f" {finding['object']}".replace("(", " ")
    return named and ("" in paths or is_about(finding["path"], paths))


def administrator(env: Environment) -> Client:
    """Of AWS, whom no policy of the pipeline binds."""
    client: Any = Aws(env, as_deployer=False).client
    return client  # type: ignore[no-any-return]


def held_by_key(env: Environment, client: Client) -> dict[Key, Held]:
    registry = load_registry()
    specs = [render_spec(registry, env, unit, {}) for unit in registry.units if unit.is_enabled(env)]
    stacks = [spec.name for spec in specs if isinstance(spec, Stack)]
    return {(one.stack, one.logical_id): one for one in held_resources(stacks, client)}


def run_rounds(env: Environment, eks_assets: Cli, most: int = MOST) -> Recall:
    """Up to five objects a kind, one change an object, whoever made it; and what nobody declares. Prints a line a
    round. What is found before any change, and a deploy that fails, is noted too."""
    in_cluster, in_aws = plan_cluster_rounds(env, most), plan_aws_rounds(env, most)
    recall = Recall()
    recall.false += [f"before any change {described(finding)}" for finding in find_drift(env, eks_assets)]
    for number in range(max(len(in_cluster), len(in_aws))):
        times = [time.monotonic()]
        one = Round(env, recall)
        if number == 0:
            one.make_intruders()
        one.change_resources(in_aws[number] if number < len(in_aws) else [])
        one.change_objects(in_cluster[number] if number < len(in_cluster) else [])
        times.append(time.monotonic())
        one.compare(find_drift(env, eks_assets))
        times.append(time.monotonic())
        one.put_back_by_hand()
        deployed = eks_assets("deploy", env.name)
        if deployed.returncode:
            recall.left.append(f"deploy ended with {deployed.returncode}: {deployed.stdout}{deployed.stderr}")
        times.append(time.monotonic())
        one.compare_after(find_drift(env, eks_assets))
        changing, drifting, deploying = (f"{after - before:.0f} s" for before, after in pairwise(times))
        took = f"changed in {changing}, drift {drifting}, deploy {deploying}"
        print(f"round {number + 1}: {len(one.expected)} changes; {took}", flush=True)
    time.sleep(60)
    recall.left += [f"a minute later {described(finding)}" for finding in find_drift(env, eks_assets)]
    return recall


def plan_cluster_rounds(env: Environment, most: int) -> list[list[tuple[str, str]]]:
    """Kinds of change, and the titles of the objects that they are for."""
    # A drift run reads as the planner, who is shown no Secrets of Argo CD.
    planner = Context.of(env, planning=True)
    # Without its own rights it fails to read much: tests/e2e/test_planner_role.py.
    objects = [
        one
        for one in declared_objects(Context.of(env))
        if not is_hidden_object(one.live, "", planner) and one.unit != "planner_access"
    ]
    titles = {name: [one.title for one in objects if i.allows(one.live)] for name, i in IN_CLUSTER.items()}
    return plan_rounds(titles, EACH, most)


def plan_aws_rounds(env: Environment, most: int) -> list[list[tuple[str, Key]]]:
    """Kinds of change, and the resources of stacks that they are for."""
    held = held_by_key(env, administrator(env))
    return plan_rounds(
        {name: [key for key, one in held.items() if i.allows(one)] for name, i in IN_AWS.items()}, EACH, most
    )


def find_drift(env: Environment, eks_assets: Cli) -> list[Finding]:
    """What `drift` finds; it has to be able to read all that it should."""
    done = eks_assets("drift", env.name, "--json")
    assert done.stdout, done.stderr
    report = json.loads(done.stdout)
    assert not [entry for entry in report["unknown"] if entry["failed"]], report["unknown"]
    findings: list[Finding] = report["findings"]
    return findings


def described(finding: Finding) -> str:
    """In a line."""
    return f"{finding['object']}: {finding['path']} ({finding['culprit']})"
