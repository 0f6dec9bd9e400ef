# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""The way every module runs: load, plan, stop in check mode, apply, load and plan again."""

from __future__ import annotations

import json
import traceback
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Callable, NoReturn, TypeVar

from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._core.plan import Action, Plan, public

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

Observed = TypeVar("Observed")


def converge(
    module: AnsibleModule,
    load: Callable[[], Observed],
    plan: Callable[[Observed], Plan],
    apply: Callable[[Action], None],
    result: Callable[[Observed], Mapping[str, Any]],
    finish: Callable[[], None] = lambda: None,
    in_vain: Callable[[Action], bool] = lambda action: False,
) -> NoReturn:
    """Bring the host to what the module's options ask for, and leave the module.

    :param load: reads the host. It must change nothing, in check mode or not.
    :param plan: from what was read to the steps; pure.
    :param apply: does one step.
    :param result: the module's own return values, from what was read last.
    :param finish: called after the last step; raises what ``apply`` put off until then.
    :param in_vain: whether a step that was taken changed nothing.
    """
    done: list[Action] = []
    try:
        observed = load()
        first = plan(observed)
        if first and not module.check_mode:
            for action in first.actions:
                done.append(action)
                apply(action)
            finish()
            observed = load()
            rest = plan(observed)
            if rest:
                raise ModelStoreError(
                    "did not converge",
                    "still to do after all steps: %s" % _summary(rest),
                    "nothing left to do",
                    "Look for something else that changes the same objects, then run again.",
                    {"remaining": [action.public() for action in rest.actions]},
                )
        module.exit_json(
            changed=any(not in_vain(action) for action in first.actions),
            actions=[action.public() for action in first.actions],
            **_diff(module, first),
            **public(result(observed)),
        )
    except ModelStoreError as error:
        _fail(module, error, done)
    except Exception as error:  # noqa: BLE001 - see _fail_surprised
        _fail_surprised(module, error, done)


def report(module: AnsibleModule, read: Callable[[], Mapping[str, Any]]) -> NoReturn:
    """Leave an info module with what ``read`` found."""
    try:
        module.exit_json(changed=False, **public(read()))
    except ModelStoreError as error:
        _fail(module, error, [])
    except Exception as error:  # noqa: BLE001 - see _fail_surprised
        _fail_surprised(module, error, [])


def _fail(module: AnsibleModule, error: ModelStoreError, done: list[Action]) -> NoReturn:
    # The last step may have been done in part, so it counts as a change.
    module.fail_json(
        msg=str(error),
        error_details=public(error.to_details()),
        changed=bool(done),
        actions=[action.public() for action in done],
    )


def _fail_surprised(module: AnsibleModule, error: Exception, done: list[Action]) -> NoReturn:
    # A surprise of the host: say what was being done. Called while the exception is handled.
    module.fail_json(
        msg="%s while working on %s: %s"
        % (type(error).__name__, done[-1].subject if done else "reading the host", error),
        exception=traceback.format_exc(),
        changed=bool(done),
        actions=[action.public() for action in done],
    )


def _diff(module: AnsibleModule, plan: Plan) -> dict[str, Any]:
    if not module._diff:
        return {}
    return {"diff": {"before": _text(plan.before), "after": _text(plan.after)}}


def _text(state: Mapping[str, Any]) -> str:
    return json.dumps(public(state), indent=2, sort_keys=True) + "\n" if state else ""


def _summary(plan: Plan) -> str:
    return ", ".join("%s %s" % (action.name, action.subject) for action in plan.actions)
