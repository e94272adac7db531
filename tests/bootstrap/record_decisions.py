"""What an independent evaluator of IAM policies decides, recorded: `make decisions`.

It is `@cloud-copilot/iam-simulate`, which needs Node and npm's registry; the tests read only what it said. Asked is
what CloudFormation's handlers asked while all stacks of an environment were made and deleted, the same for a
neighbour's names, for another region, and without tags and boundary; under the policies of bootstrap's roles.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from resources.bootstrap.boundary import boundary_statements
from resources.config.environment import Environment
from tests.bootstrap.bootstrapped_account import bootstrapped, delete_stacks, make_stacks
from tests.bootstrap.policy_evaluation import Ask, policies_of
from tests.helpers.embedded_aws_server import EVERYTHING

DECISIONS = Path(__file__).with_name("decisions.json")
PACKAGE = "@cloud-copilot/iam-simulate"
ENVIRONMENT = "acme-prod"
MOST = 150  # asks under one role's policies
_PROGRAM = """
const {readFileSync} = require('fs')
const {runSimulation} = require('@cloud-copilot/iam-simulate')
const document = (policies) => policies.map((policy, index) => ({name: `p${index}`, policy}))
// A key's policy lets the account's IAM decide.
const keyPolicy = (account) => ({Version: '2012-10-17', Statement: [{
  Effect: 'Allow', Principal: {AWS: `arn:aws:iam::${account}:root`}, Action: 'kms:*', Resource: '*',
}]})
const main = async () => {
  const answers = []
  for (const ask of JSON.parse(readFileSync(0, 'utf8'))) {
    const answer = await runSimulation({
      request: {
        action: ask.action, principal: ask.principal, contextVariables: ask.keys,
        resource: {resource: ask.resource, accountId: ask.account},
      },
      identityPolicies: document(ask.identity),
      ...(ask.boundary.length ? {permissionBoundaryPolicies: document(ask.boundary)} : {}),
      ...(ask.resource.startsWith('arn:aws:kms:') ? {resourcePolicy: keyPolicy(ask.account)} : {}),
      serviceControlPolicies: [], resourceControlPolicies: [],
    }, {})
    answers.push(answer)
  }
  console.log(JSON.stringify(answers))
}
main()
"""


def roles(env: Environment) -> dict[str, dict[str, list[Any]]]:
    """By role, the documents of its policies and of its boundary."""
    key = f"arn:aws:kms:{env.region}:{env.account}:key/ledger"
    bounded = {"Version": "2012-10-17", "Statement": boundary_statements(env, key)}
    made = {title: {"identity": policies_of(env, title), "boundary": []} for title in ROLES}
    return {**made, "AnyRoleOfAStack": {"identity": [EVERYTHING], "boundary": [bounded]}}


ROLES = ("CloudFormationRole", "DeployerRole", "PlannerRole")


def variations(env: Environment, asks: list[Ask]) -> Iterator[Ask]:
    """The asks, and what they would be of somebody else, elsewhere, or without what a condition demands."""
    for number, ask in enumerate(asks):
        region = {"aws:requestedregion": "us-east-1" if ask.action.startswith(("iam:", "route53:")) else env.region}
        keys = {key: value for key, value in {**ask.keys, **region}.items() if value is not None}
        yield Ask(ask.action, ask.resource, keys)
        match number % 4:
            case 0:
                yield Ask(ask.action, ask.resource.replace(env.resource_prefix, f"{env.resource_prefix}x"), keys)
            case 1:
                yield Ask(ask.action, ask.resource, {key: v for key, v in keys.items() if "tag" not in key})
            case 2:
                yield Ask(ask.action, ask.resource, {**keys, "aws:requestedregion": "ap-southeast-2"})
            case _:
                yield Ask(ask.action, ask.resource, {key: v for key, v in keys.items() if not key.startswith("iam:")})


def chosen(env: Environment, asks: list[Ask]) -> list[Ask]:
    """At most MOST of the variations, spread over all."""
    every = list(variations(env, asks))
    return every[:: max(1, -(-len(every) // MOST))]


def simulate(env: Environment, asks: list[Ask], role: dict[str, list[Any]]) -> tuple[list[str | None], str]:
    """Allowed, ExplicitlyDenied or ImplicitlyDenied, or None where the evaluator takes no such request; its version."""
    request = [
        {
            "action": ask.action,
            "resource": ask.resource,
            "keys": dict(ask.keys),
            "account": env.account,
            "principal": f"arn:aws:iam::{env.account}:role/somebody",
            **role,
        }
        for ask in asks
    ]
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["npm", "install", "--silent", PACKAGE], cwd=folder, check=True)
        version = json.loads(Path(folder, "node_modules", PACKAGE, "package.json").read_text())["version"]
        done = subprocess.run(
            ["node", "-e", _PROGRAM], cwd=folder, input=json.dumps(request), capture_output=True, text=True, check=True
        )
    answers = json.loads(done.stdout)
    return [answer.get("overallResult") if answer["resultType"] != "error" else None for answer in answers], version


def record() -> None:
    """Make and delete the environment's stacks, ask, and write the table."""
    with tempfile.TemporaryDirectory() as folder, bootstrapped(ENVIRONMENT, Path(folder)) as account:
        delete_stacks(account, make_stacks(account))
        env, asked = account.env, account.asks()
    table: dict[str, Any] = {"account": env.account, "region": env.region, "roles": roles(env), "cases": []}
    for title, role in table["roles"].items():
        asks = chosen(env, asked)
        decisions, table["version"] = simulate(env, asks, role)
        for ask, decision in zip(asks, decisions, strict=True):
            if decision is not None:
                table["cases"].append([title, ask.action, ask.resource, dict(ask.keys), decision])
    cases = ",\n".join(json.dumps(case, sort_keys=True) for case in table.pop("cases"))
    DECISIONS.write_text(json.dumps(table, sort_keys=True)[:-1] + f', "cases": [\n{cases}\n]}}\n')
    print(f"{PACKAGE} {table['version']}: {cases.count(chr(10)) + 1} decisions")


if __name__ == "__main__":
    record()
