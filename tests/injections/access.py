"""Changes of rights, of admission, and of the definitions of kinds."""

from __future__ import annotations

from tests.injections.injection import Edit, Injection, Object, add, drop, set_to

EVERYTHING = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}
EVE = {"kind": "User", "name": "eve", "apiGroup": "rbac.authorization.k8s.io"}
LABELLED = {"matchLabels": {"theirs": "yes"}}
MUTATING, VALIDATING = "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"
ADMISSION = (MUTATING, VALIDATING)
DEFINITION = ("CustomResourceDefinition",)
COLUMN = {"name": "Theirs", "type": "string", "jsonPath": ".metadata.name"}
SCHEMA = "/spec/versions/0/schema/openAPIV3Schema"


def _other_policy(obj: Object) -> None:
    hook = obj["webhooks"][0]
    hook["failurePolicy"] = "Ignore" if hook["failurePolicy"] == "Fail" else "Fail"


def _one_less(field: str) -> Edit:
    def edit(obj: Object) -> None:
        if len(obj[field]) < 2:
            raise LookupError(field)
        obj[field].pop()

    return edit


def _first_property(obj: Object) -> Object:
    properties: Object = obj["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
    first: Object = properties[min(key for key in properties if key not in ("apiVersion", "kind", "metadata"))]
    return first


def _described(obj: Object) -> None:
    _first_property(obj)["description"] = "theirs"


def _open(obj: Object) -> None:
    _first_property(obj)["x-kubernetes-preserve-unknown-fields"] = True
    _first_property(obj).setdefault("properties", {})["theirs"] = {"type": "string"}


RIGHTS = (
    Injection("rule added", ("ClusterRole",), add("/rules/-", EVERYTHING)),
    Injection("rule added, applied", ("ClusterRole",), add("/rules/-", EVERYTHING), "apply"),
    Injection("rule removed", ("ClusterRole",), _one_less("rules")),
    Injection("verb added", ("ClusterRole",), add("/rules/0/verbs/-", "escalate")),
    Injection("resource added", ("ClusterRole",), add("/rules/0/resources/-", "secrets")),
    Injection("names added to a rule", ("ClusterRole",), add("/rules/0/resourceNames", ["theirs"])),
    Injection(
        "aggregation", ("ClusterRole",), add("/metadata/labels/rbac.authorization.k8s.io~1aggregate-to-view", "true")
    ),
    Injection("subject added", ("ClusterRoleBinding",), add("/subjects/-", EVE)),
    Injection("subject added, applied", ("ClusterRoleBinding",), add("/subjects/-", EVE), "apply"),
    Injection("subject changed", ("ClusterRoleBinding",), set_to("/subjects/0/name", "theirs")),
    Injection("subjects removed", ("ClusterRoleBinding",), drop("/subjects")),
)
WEBHOOKS = (
    Injection("failure policy", ADMISSION, _other_policy),
    Injection("namespaces of a webhook", ADMISSION, set_to("/webhooks/0/namespaceSelector", LABELLED)),
    Injection("objects of a webhook", ADMISSION, set_to("/webhooks/0/objectSelector", LABELLED)),
    Injection("operation of a webhook", ADMISSION, add("/webhooks/0/rules/0/operations/-", "DELETE")),
    Injection("resource of a webhook", ADMISSION, set_to("/webhooks/0/rules/0/resources", ["theirs"])),
    Injection("time of a webhook", ADMISSION, set_to("/webhooks/0/timeoutSeconds", 3)),
    Injection("match policy of a webhook", ADMISSION, set_to("/webhooks/0/matchPolicy", "Exact")),
    Injection("service of a webhook", ADMISSION, set_to("/webhooks/0/clientConfig/service/name", "theirs")),
    Injection("webhook removed", ADMISSION, _one_less("webhooks")),
)
DEFINITIONS = (
    Injection("property added", DEFINITION, _open),
    Injection("description changed", DEFINITION, _described),
    Injection("column added", DEFINITION, add("/spec/versions/0/additionalPrinterColumns/-", COLUMN)),
    Injection("short name", DEFINITION, add("/spec/names/shortNames/-", "thrs")),
    Injection("category", DEFINITION, add("/spec/names/categories/-", "theirs")),
)
ACCESS = (*RIGHTS, *WEBHOOKS, *DEFINITIONS)
