"""SSM parameters of type String, through dagster-aws's SSMResource."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from resources.aws.dagster_clients import ssm_client
from resources.aws.errors import aws_call
from resources.context import Context
from resources.drivers.base import Driver
from resources.model.change import NOTHING_TO_DO, Change, FieldChange, Observed
from resources.model.drift import AwsResource, Drift, Finding, FindingKind
from resources.model.errors import NotFound
from resources.model.outputs import plain_document
from resources.model.removal import Removal, Removed
from resources.model.specs import Parameter
from resources.support.polling import LATE, Poll, wait_until


class ParameterDriver(Driver[Parameter[Any]]):
    """Observes, plans and applies a `Parameter`."""

    def observe(self, spec: Parameter[Any], context: Context) -> Observed | None:
        """The value in SSM; None where there is none."""
        try:
            with aws_call(f"reading the parameter {spec.name}"):
                parameter = context.aws.client("ssm").get_parameter(Name=spec.name)["Parameter"]
        except NotFound:
            return None
        fields = spec.outputs_type().model_fields
        outputs = spec.outputs_type()(**dict.fromkeys(fields, parameter["Value"]))
        return Observed("stored", {"value": parameter["Value"]}, outputs, {"version": str(parameter["Version"])})

    def plan(self, spec: Parameter[Any], observed: Observed | None) -> Change:
        """Create, update or nothing."""
        wanted = plain_document(spec.value)
        if observed is None:
            return Change("create", (FieldChange("value", None, wanted),), f"parameter {spec.name} does not exist")
        if (live := observed.desired["value"]) != wanted:
            return Change("update", (FieldChange("value", live, wanted),), f"parameter {spec.name} has another value")
        return NOTHING_TO_DO

    def drift(self, spec: Parameter[Any], context: Context) -> Drift:
        """The value in SSM against the spec's."""
        observed = self.observe(spec, context)
        wanted = plain_document(spec.value)
        live = observed.desired["value"] if observed else None
        if live == wanted:
            return Drift()
        kind: FindingKind = "missing" if live is None else "changed"
        changed = AwsResource("AWS::SSM::Parameter", spec.name)
        return Drift((Finding("parameter", spec.name, FieldChange("value", wanted, live), kind, resource=changed),))

    def apply(self, spec: Parameter[Any], context: Context) -> None:
        """Write the value."""
        context.before_change()
        with aws_call(f"writing the parameter {spec.name}"):
            ssm_client(context.aws).put_parameter(
                Name=spec.name,
                Value=plain_document(spec.value),
                Type="String",
                Overwrite=True,
                Description=spec.description,
            )
        wait_until(lambda: self._seen(spec, context), what=f"parameter {spec.name}", deadline=LATE, interval=2)

    def _seen(self, spec: Parameter[Any], context: Context) -> Poll[bool]:
        """Parameter Store shows a value that was written to all only some moments later."""
        observed = self.observe(spec, context)
        is_seen = observed is not None and observed.desired["value"] == plain_document(spec.value)
        return Poll(is_seen or None, "AWS does not show it yet")

    def plan_removal(self, spec: Parameter[Any], context: Context, *, delete_data: bool) -> Removal:
        """The parameter, where it exists; its value follows from the environment, and is no data."""
        exists = self.observe(spec, context) is not None
        return Removal((Removed(f"AWS::SSM::Parameter {spec.name}"),)) if exists else Removal()

    def destroy(self, spec: Parameter[Any], context: Context, *, delete_data: bool) -> None:
        """Delete the parameter."""
        context.before_change()
        with suppress(NotFound), aws_call(f"deleting the parameter {spec.name}"):
            ssm_client(context.aws).delete_parameter(Name=spec.name)
