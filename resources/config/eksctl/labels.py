"""Labels, taints and tags: what Kubernetes, EKS and AWS accept of them.

Sources: Kubernetes, "Labels and Selectors" and the kubelet's option `--node-labels`; EKS user guide, "Managed node
groups" (reserved prefixes) and "Tag your resources"; eksctl, validateNodeGroupLabels.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from resources.config.aws_catalog import word_set

_PREFIX = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")
_TAG = re.compile(r"[\w\s.:/=+@-]*")
# A kubelet refuses to start with another label of these namespaces.
_KUBELET_NAMESPACES = ("kubelet.kubernetes.io", "node.kubernetes.io")
_KUBELET_LABELS = word_set(
    """
    beta.kubernetes.io/arch beta.kubernetes.io/instance-type beta.kubernetes.io/os
    failure-domain.beta.kubernetes.io/region failure-domain.beta.kubernetes.io/zone kubernetes.io/arch
    kubernetes.io/hostname kubernetes.io/os topology.kubernetes.io/region topology.kubernetes.io/zone
    """
)
MOST_TAGS, MOST_TAINTS = 50, 50


def _key(value: str) -> str:
    prefix, slash, name = value.rpartition("/")
    if (slash and not _PREFIX.fullmatch(prefix)) or not _NAME.fullmatch(name):
        raise ValueError(
            f'"{value}" is not a label\'s key; allowed: NAME or PREFIX/NAME, the name at most 63 letters, digits, -, _ '
            "and . with a letter or digit at both ends, the prefix a domain"
        )
    return value


def _value(value: str) -> str:
    if value and not _NAME.fullmatch(value):
        raise ValueError(
            f'"{value}" is not a label\'s value; allowed: at most 63 letters, digits, -, _ and . with a letter or '
            "digit at both ends, or nothing"
        )
    return value


def _node_key(value: str) -> str:
    prefix = _key(value).rpartition("/")[0]
    if _is_below(prefix, "eks.amazonaws.com"):
        raise ValueError(f"{value} is EKS's own and refused by it; allowed: a prefix of yours, such as acme.example/")
    reserved = _is_below(prefix, "kubernetes.io") or _is_below(prefix, "k8s.io")
    if reserved and value not in _KUBELET_LABELS and not any(_is_below(prefix, n) for n in _KUBELET_NAMESPACES):
        raise ValueError(
            f"{value} keeps nodes from joining, as a kubelet may not give itself this label; allowed: a prefix of "
            f"yours, such as acme.example/, or one of {' and '.join(_KUBELET_NAMESPACES)}"
        )
    return value


def _is_below(prefix: str, domain: str) -> bool:
    return prefix == domain or prefix.endswith(f".{domain}")


def _tag_key(value: str) -> str:
    if value.casefold().startswith("aws:"):
        raise ValueError(f"{value} begins with aws:, which AWS keeps for itself; allowed: another key")
    return _tag_text(value)


def _tag_text(value: str) -> str:
    if not _TAG.fullmatch(value):
        raise ValueError(f'"{value}" is not possible in a tag; allowed: letters, digits, spaces and _.:/=+-@')
    return value


LabelKey = Annotated[str, AfterValidator(_key)]
LabelValue = Annotated[str, AfterValidator(_value)]
Labels = dict[LabelKey, LabelValue]
NodeLabels = dict[Annotated[str, AfterValidator(_node_key)], LabelValue]
TagKey = Annotated[str, Field(min_length=1, max_length=128), AfterValidator(_tag_key)]
TagValue = Annotated[str, Field(max_length=256), AfterValidator(_tag_text)]
Tags = Annotated[
    dict[TagKey, TagValue], Field(max_length=MOST_TAGS, description=f"at most {MOST_TAGS} tags, NAME: text")
]
