"""What the roles may do: whether bootstrap is of this version, what IAM's simulator says, and service-linked roles."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from resources.aws.errors import aws_call, error_code
from resources.bootstrap.reading_rights import list_outdated_rights
from resources.bootstrap.service_linked_roles import SPOT, needed_linked_roles
from resources.bootstrap.template import build_bootstrap_template
from resources.cloudformation import build_arn
from resources.config.environment import Environment
from resources.config.names import RoleName, cloudformation_role, deployer_role, planner_role
from resources.context import Context
from resources.doctor.checks import Line, account_check
from resources.model.errors import NotFound
from resources.model.outputs import plain_document
from resources.support.background import in_background

if TYPE_CHECKING:
    from mypy_boto3_iam.type_defs import ContextEntryTypeDef

_LINKED_NAMES = {SPOT: "AWSServiceRoleForEC2Spot"}
_MOST_NAMED = 6
_MOST_ACTIONS = 50
_LANES = 3  # the simulator takes some tenths of a second for each question


def _bootstrap(env: Environment) -> str:
    return f"eks-assets bootstrap {env.name} --apply"


@account_check()
def check_bootstrap(context: Context) -> Iterator[Line]:
    """The account was bootstrapped, and by this version."""
    env = context.env
    try:
        outdated = list_outdated_rights(context)
    except NotFound:
        yield _without_bootstrap(context)
        return
    if outdated:
        message = f"bootstrap would give other rights today than it did: {_some(outdated)} differ"
        yield Line.warning(message, f"an administrator: {_bootstrap(env)}")
    else:
        yield Line.ok("bootstrap gave the rights that this version needs")


def _without_bootstrap(context: Context) -> Line:
    """Administrators may have made on their own what bootstrap makes."""
    env, role = context.env, deployer_role(context.env)
    try:
        with aws_call(f"reading the role {role.name}"):
            context.aws.client("iam").get_role(RoleName=role.name)
    except NotFound:
        return Line.error(f"account {env.account} was not bootstrapped for {env.resource_prefix}", _bootstrap(env))
    message = f"{role.name} exists, and bootstrap did not make it: nobody compares what it may do with what is needed"
    return Line.warning(message, f"eks-assets bootstrap {env.name} --print shows it")


@account_check()
def check_permissions(context: Context) -> Iterator[Line]:
    """What bootstrap gives each role, asked of IAM's simulator: it knows policies, boundaries and the organisation's
    policies, and not the resources' own, so what it says is advice. Source: API, SimulatePrincipalPolicy."""
    roles = {
        "PlannerRole": planner_role(context.env),
        "DeployerRole": deployer_role(context.env),
        "CloudFormationRole": cloudformation_role(context.env),
    }
    template = plain_document(build_bootstrap_template(context.env)["Resources"])
    answers: list[Future[Line]] = [
        in_background(partial(_simulate, context, role, list_questions(template, title)), f"simulate {role.name}")
        for title, role in roles.items()
    ]
    for answer in answers:
        yield answer.result()


@dataclass
class Question:
    """Actions to ask for on resources, under the conditions that their statement names."""

    resources: tuple[str, ...]
    actions: list[str] = field(default_factory=list)
    context: dict[str, str] = field(default_factory=dict)


def list_questions(template: dict[str, Any], title: str) -> list[Question]:
    """What bootstrap's template allows the role with that logical id, action by action. Patterns of actions and ARNs
    that only the stack knows are left out: the simulator takes neither."""
    policies = [p["PolicyDocument"] for p in template[title]["Properties"].get("Policies", [])]
    for resource in template.values():
        if resource["Type"] == "AWS::IAM::ManagedPolicy" and {"Ref": title} in resource["Properties"].get("Roles", []):
            policies.append(resource["Properties"]["PolicyDocument"])
    questions: dict[Any, Question] = {}
    for statement in (s for policy in policies for s in policy["Statement"] if s["Effect"] == "Allow"):
        resources, given = _resources(statement), _conditions(statement)
        for action in _list(statement.get("Action", [])) if resources else []:
            if "*" not in action:
                # AWS refuses actions of several services in one question.
                key = (resources, action.partition(":")[0], tuple(sorted(given.items())))
                questions.setdefault(key, Question(resources, context=given)).actions.append(action)
    return list(questions.values())


def _resources(statement: dict[str, Any]) -> tuple[str, ...]:
    """ARNs to ask for: one that matches each pattern."""
    named = [arn for arn in _list(statement.get("Resource", [])) if isinstance(arn, str)]
    return tuple(sorted({arn if arn == "*" else arn.replace("*", "a").replace("?", "a") for arn in named[:1]}))


def _conditions(statement: dict[str, Any]) -> dict[str, str]:
    """A value for each condition key, with which the statement holds."""
    keys = [pair for operator in statement.get("Condition", {}).values() for pair in operator.items()]
    return {key: str(_list(value)[0]).replace("*", "a") for key, value in keys if isinstance(_list(value)[0], str)}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _simulate(context: Context, role: RoleName, questions: list[Question]) -> Line:
    arn = build_arn(context.env, "iam", f"role{role.path}{role.name}", region="")
    pieces = [
        Question(q.resources, q.actions[start : start + _MOST_ACTIONS], q.context)
        for q in questions
        for start in range(0, len(q.actions), _MOST_ACTIONS)
    ]
    lanes = [pieces[start::_LANES] for start in range(_LANES)]
    try:
        futures = [in_background(partial(_ask_all, context, arn, lane), f"simulate {role.name}") for lane in lanes]
        asked, denied = zip(*(future.result() for future in futures), strict=True)
    except NotFound:
        return Line.warning(f"the role {role.name} is not there to be asked for", _bootstrap(context.env))
    if refused := sorted(set().union(*denied)):
        message = f"{role.name} may not: {_some(refused)} (by IAM's simulator, advisory)"
        fix = f"an administrator: {_bootstrap(context.env)}; if it stays, a boundary or the organisation denies it"
        return Line.warning(message, fix)
    return Line.ok(f"{role.name} may do all of {sum(asked)} actions (by IAM's simulator, advisory)")


def _ask_all(context: Context, arn: str, questions: list[Question]) -> tuple[int, set[str]]:
    """How many actions were asked for, and those that are not allowed."""
    asked, denied = 0, set[str]()
    for question in questions:
        if (answer := _denied(context, arn, question)) is not None:
            asked += len(question.actions)
            denied.update(answer)
    return asked, denied


def _denied(context: Context, arn: str, question: Question) -> list[str] | None:
    """The actions that are not allowed; None where the simulator does not take the question."""
    entries: list[ContextEntryTypeDef] = [
        {
            "ContextKeyName": key,
            "ContextKeyValues": [value],
            "ContextKeyType": "boolean" if value in ("true", "false") else "string",
        }
        for key, value in question.context.items()
    ]
    with aws_call(f"simulating what {arn} may do"):
        try:
            results = context.aws.client("iam").simulate_principal_policy(
                PolicySourceArn=arn,
                ActionNames=question.actions,
                ResourceArns=list(question.resources),
                ContextEntries=entries,
            )["EvaluationResults"]
        except ClientError as error:
            if error_code(error) != "InvalidInput":
                raise
            return _in_halves(context, arn, question)
    return [result["EvalActionName"] for result in results if result["EvalDecision"] != "allowed"]


def _in_halves(context: Context, arn: str, question: Question) -> list[str] | None:
    """AWS refuses a question for one action that it does not simulate, or not together with the others."""
    half = len(question.actions) // 2
    if not half:
        return None
    parts = (question.actions[:half], question.actions[half:])
    answers = [_denied(context, arn, Question(question.resources, part, question.context)) for part in parts]
    return [action for answer in answers for action in answer or []]


@account_check()
def check_service_linked_roles(context: Context) -> Iterator[Line]:
    """Those that no service makes by itself; the others come with their first use."""
    needed = needed_linked_roles(context.env)
    for service in needed:
        name = _LINKED_NAMES[service]
        try:
            with aws_call(f"reading the service-linked role {name}"):
                context.aws.client("iam").get_role(RoleName=name)
        except NotFound:
            message = f"the account has no {name}: Spot capacity never comes"
            yield Line.error(message, f"aws iam create-service-linked-role --aws-service-name {service}")
        else:
            yield Line.ok(f"{name} exists")
    if not needed:
        yield Line.ok("no service-linked role is needed that AWS does not make by itself")


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    more = f" and {len(listed) - _MOST_NAMED} more" if len(listed) > _MOST_NAMED else ""
    return ", ".join(listed[:_MOST_NAMED]) + more
