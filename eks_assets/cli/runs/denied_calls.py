"""Which call AWS denied, where a deploy's stack failed for a missing right and CloudFormation does not name it.

CloudTrail knows it minutes later: it is asked again until it does, for as long as somebody may want to wait.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping

from rich.console import Console

from eks_assets.cli.console import print_text
from resources.audit.denied_calls import list_denied_calls
from resources.context import Context
from resources.model.errors import PipelineError, WaitTimeout
from resources.support.polling import Poll, wait_until

SECONDS, _INTERVAL = 300.0, 20.0
_BEFORE = dt.timedelta(minutes=1)  # this machine's clock, and AWS's
_IS_STACK = re.compile(r"\bstack \S+ ended in ")
_IS_DENIED = re.compile(
    r"not authorized|unauthorized|access ?denied|missing permission|status code:? 403", re.IGNORECASE
)
# An action in the words themselves, as in "not authorized to perform: eks:CreateNodegroup".
_NAMES_A_CALL = re.compile(r"\b[a-z][a-z0-9-]+:[A-Z][A-Za-z]+\b")


def find_denied_calls(context: Context, failed: Mapping[str, str], began: dt.datetime, console: Console) -> str:
    """What AWS denied since `began`, for the last lines of a deploy whose units `failed` with these reasons; empty
    where no stack failed for a right, or each reason names the call. Interrupted it says where to ask later."""
    unnamed = [text for text in failed.values() if _IS_STACK.search(text) and _IS_DENIED.search(text)]
    if all(_NAMES_A_CALL.search(text) for text in unnamed):
        return ""
    later = f"ask later: eks-assets doctor {context.env.name}"
    print_text(
        console, f"asking CloudTrail which call was denied, for up to {SECONDS / 60:.0f} minutes; Ctrl-C ends it"
    )

    def poll() -> Poll[tuple[str, ...]]:
        denied = list_denied_calls(context, began - _BEFORE, dt.datetime.now(dt.UTC))
        return Poll(denied or None, "CloudTrail does not have it yet")

    try:
        calls = wait_until(poll, what="the denied call", deadline=SECONDS, interval=_INTERVAL)
    except (KeyboardInterrupt, WaitTimeout):
        return f"which call AWS denied is not in CloudTrail yet; {later}"
    except PipelineError as error:
        return f"which call AWS denied cannot be read: {error.message}; {later}"
    return f"denied since this deploy began: {', '.join(calls)}"
