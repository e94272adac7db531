"""AWS::Logs::LogGroup under a name as CloudFormation makes it where the template names none.

MiniStack calls it `/aws/cloudformation/STACK/LOGICAL-ID`, which rights on the stack's own names do not cover.
"""

from ministack.services.cloudformation import provisioners

from ..resource_handlers import Create, Created, Properties, physical_name, wrap_create

_KIND = "AWS::Logs::LogGroup"
_LONGEST = 512


def _create(create: Create, logical_id: str, props: Properties, stack: str) -> Created:
    name = props.get("LogGroupName") or physical_name(stack, logical_id, _LONGEST)
    return create(logical_id, {**props, "LogGroupName": name}, stack)


def install() -> None:
    """Mend the type's create and update."""
    wrap_create(_KIND, _create)
    handlers = provisioners._RESOURCE_HANDLERS[_KIND]
    update = handlers["update"]

    def keep_name(physical_id: str, old: Properties, new: Properties, stack: str, logical_id: str) -> Created:
        if not old.get("LogGroupName") and not new.get("LogGroupName"):
            old, new = ({**props, "LogGroupName": physical_id} for props in (old, new))
        updated: Created = update(physical_id, old, new, stack, logical_id)
        return updated

    handlers.update(update=keep_name, update_with_logical_id=True)
