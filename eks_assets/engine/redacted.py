"""Masks secrets in what a unit's work says: errors, progress and checks pass through here before they leave the
engine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from eks_assets.plan.masking import find_secrets
from eks_assets.plan.redaction import Redactor, secrets_of
from eks_assets.plan.unit_plan import UnitPlan
from resources.context import Context
from resources.drivers.secrets import known_secrets
from resources.model.errors import OperationFailed, PipelineError
from resources.model.outputs import plain_document
from resources.model.specs import Spec
from resources.support.memory_cache import CacheKey

_OF_FILES: CacheKey[frozenset[str]] = CacheKey("secrets in the environment's files")


@dataclass
class Redaction:
    """Knows the secrets of the environment's files, those of the `spec` once there is one, and those that the drivers
    learnt of it meanwhile (data of the Secrets that a chart makes)."""

    context: Context
    spec: Spec[Any] | None = None
    _made: tuple[frozenset[str], Redactor] | None = None
    _of_spec: tuple[Spec[Any], frozenset[str]] | None = None

    def redact_text(self, text: str) -> str:
        """The text with masks in place of secrets."""
        return self._redactor().redact_text(text)

    def redact_plan(self, plan: UnitPlan) -> UnitPlan:
        """The plan of a unit with reasons, disruptions, warnings and checks without secrets."""
        redact = self.redact_text
        checks = tuple(replace(check, detail=redact(check.detail)) for check in plan.checks)
        disrupts, warnings = (tuple(map(redact, said)) for said in (plan.change.disrupts, plan.change.warnings))
        change = replace(plan.change, reason=redact(plan.change.reason), disrupts=disrupts, warnings=warnings)
        return replace(plan, change=change, checks=checks)

    @contextmanager
    def working(self) -> Iterator[None]:
        """Within it, errors and the context's progress come out without secrets."""
        report = self.context.progress
        self.context.progress = lambda line: report(self.redact_text(line))
        try:
            with self.errors():
                yield
        finally:
            self.context.progress = report

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Within it, errors come out without secrets, and one that nobody expected as OperationFailed if it has one."""
        try:
            yield
        except PipelineError as error:
            self._redactor().redact_error(error)
            raise
        except Exception as error:
            redactor = self._redactor()
            text = f"unexpected {type(error).__name__}: {error}"
            if redactor.holds_secret(text):
                raise OperationFailed(redactor.redact_text(text)) from None
            redactor.redact_error(error)
            raise

    def secrets(self) -> frozenset[str]:
        """All that is known to be secret by now, as texts."""
        secrets = self.context.cache.get(_OF_FILES, self._secrets_of_files)
        if self.spec is not None:
            secrets |= self._secrets_of_spec(self.spec) | secrets_of(known_secrets(self.spec, self.context))
        return secrets

    def _redactor(self) -> Redactor:
        secrets = self.secrets()
        if self._made is None or self._made[0] != secrets:
            self._made = (secrets, Redactor(secrets))
        return self._made[1]

    def _secrets_of_spec(self, spec: Spec[Any]) -> frozenset[str]:
        """Kept, since each line of progress asks for them, and a template is large."""
        if self._of_spec is None or self._of_spec[0] is not spec:
            self._of_spec = (spec, secrets_of(find_secrets(plain_document(spec.model_dump(mode="python")))))
        return self._of_spec[1]

    def _secrets_of_files(self) -> frozenset[str]:
        return secrets_of(find_secrets(self.context.env.model_dump(mode="json")))
