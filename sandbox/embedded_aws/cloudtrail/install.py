"""Putting CloudTrail in place."""

import ministack.app as application

from .lookup import answer_lookups
from .recorder import make_recorder
from .stack_calls import record_stack_calls


def install() -> None:
    """Record calls from now on, and answer LookupEvents from them."""
    recorder = make_recorder()
    application._dispatch_service_request = recorder.dispatch
    record_stack_calls(recorder)
    answer_lookups(recorder.trail)
