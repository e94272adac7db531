"""AWS::SecretsManager::Secret: a value from the system's random source, and the secret's ARN as its Ref."""

import json
import secrets
import string

from ministack.services import secretsmanager
from ministack.services.cloudformation import changesets, provisioners

from ..resource_handlers import Created, Properties, ResourceFailure, refuse, register, succeed

_KINDS = (
    ("ExcludeLowercase", string.ascii_lowercase),
    ("ExcludeUppercase", string.ascii_uppercase),
    ("ExcludeNumbers", string.digits),
    ("ExcludePunctuation", string.punctuation),
)


def _is_true(value: object) -> bool:
    return str(value).lower() == "true"


def secret_string(props: Properties) -> str:
    """The value that a template declares: SecretString as it is, or one generated from GenerateSecretString."""
    if props.get("SecretString"):
        return str(props["SecretString"])
    generate = props.get("GenerateSecretString")
    if generate is None:
        return ""
    password = generate_password(generate)
    if not generate.get("SecretStringTemplate"):
        return password
    document = json.loads(generate["SecretStringTemplate"])
    return json.dumps({**document, generate["GenerateStringKey"]: password})


def generate_password(options: Properties) -> str:
    """A password by the rules of GetRandomPassword. Raises ResourceFailure when they leave no character."""
    excluded = set(options.get("ExcludeCharacters") or "")
    kinds = [
        "".join(c for c in characters if c not in excluded)
        for option, characters in _KINDS
        if not _is_true(options.get(option))
    ]
    kinds = [kind for kind in kinds if kind]
    if _is_true(options.get("IncludeSpace")):
        kinds.append(" ")
    length = int(options.get("PasswordLength", 32))
    if not kinds or length < len(kinds):
        raise ResourceFailure("GenerateSecretString leaves no password: too short, or every character is excluded")
    required = kinds if _is_true(options.get("RequireEachIncludedType", True)) else []
    chosen = [secrets.choice(kind) for kind in required]
    alphabet = "".join(kinds)
    chosen += [secrets.choice(alphabet) for _ in range(length - len(chosen))]
    secrets.SystemRandom().shuffle(chosen)
    return "".join(chosen)


def _name_of(arn: str) -> str:
    for name, secret in secretsmanager._secrets.items():
        if secret["ARN"] == arn:
            return str(name)
    return arn


def _create(logical_id: str, props: Properties, stack: str) -> Created:
    name = props.get("Name")
    if name and (secretsmanager._secrets.get(name) or {}).get("DeletedDate"):
        raise refuse(
            "You can't create this secret because a secret with this name is already scheduled for deletion.",
            "SecretsManager",
        )
    if name and name in secretsmanager._secrets:
        raise ResourceFailure(
            f"Resource of type 'AWS::SecretsManager::Secret' with identifier '{name}' already exists."
        )
    _name, attributes = provisioners._sm_secret_create(logical_id, props, stack)
    return attributes["Arn"], attributes


def _update(physical_id: str, old: Properties, new: Properties, stack: str, logical_id: str) -> Created:
    _name, attributes = provisioners._sm_secret_update(_name_of(physical_id), old, new, stack, logical_id)
    return attributes["Arn"], attributes


def _delete(physical_id: str, props: Properties) -> None:
    provisioners._sm_secret_delete(_name_of(physical_id), props)


def _import(identifier: Properties) -> Created:
    arn = str(identifier["Id"])
    return arn, {"Arn": arn, "Id": arn}


def _import_problem(arn: str) -> str | None:
    """Why a secret cannot be imported, None when it can."""
    if any(secret["ARN"] == arn for secret in secretsmanager._secrets.values()):
        return None
    return f"Resource of type 'AWS::SecretsManager::Secret' with identifier '{arn}' was not found."


def _put_policy(logical_id: str, props: Properties, stack: str) -> Created:
    policy = props["ResourcePolicy"]
    document = policy if isinstance(policy, str) else json.dumps(policy)
    request = {"SecretId": props["SecretId"], "ResourcePolicy": document}
    succeed(secretsmanager._put_resource_policy(request), "SecretsManager")
    return str(props["SecretId"]), {}


def _update_policy(physical_id: str, old: Properties, new: Properties, stack: str, logical_id: str) -> Created:
    return _put_policy(logical_id, new, stack)


def _delete_policy(physical_id: str, props: Properties) -> None:
    if any(secret["ARN"] == physical_id for secret in secretsmanager._secrets.values()):
        succeed(secretsmanager._delete_resource_policy({"SecretId": physical_id}), "SecretsManager")


def install() -> None:
    """Mend AWS::SecretsManager::Secret and add AWS::SecretsManager::ResourcePolicy."""
    register("AWS::SecretsManager::ResourcePolicy", _put_policy, _update_policy, _delete_policy, tags=None)
    provisioners._sm_secret_string = secret_string
    provisioners._RESOURCE_HANDLERS["AWS::SecretsManager::Secret"] = {
        "create": _create,
        "update": _update,
        "update_with_logical_id": True,
        "delete": _delete,
        "import": _import,
    }
    changesets._IMPORT_LOOKUPS["AWS::SecretsManager::Secret"] = (("Id",), _import_problem)
