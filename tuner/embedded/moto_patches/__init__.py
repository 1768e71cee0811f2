"""Every patch of moto 5.2.5, in one place, so that the rest of the product need not know of any.

``apply`` puts them all on; it runs once, in the server's process, before the
first request. Each patch is a function whose docstring says what moto does
instead of AWS, in the module of its service.
``tests/integration/embedded/test_moto_patches.py`` shows for each that it
works, and that moto without it is still wrong: when moto does it right by
itself, that test fails and the patch here can go.
"""

from __future__ import annotations

from collections.abc import Callable

from tuner.embedded.moto_patches.awslambda import (
    patch_function_code,
    patch_function_code_location,
    patch_function_listing,
    patch_function_lookup,
    patch_function_policy,
    patch_function_questions,
    patch_function_settings,
    patch_function_versions,
    patch_invoke,
    patch_layer_lookup,
    patch_reserved_concurrency,
)
from tuner.embedded.moto_patches.cloudformation import (
    patch_bucket_policies,
    patch_bucket_rules,
    patch_function_from_cloudformation,
    patch_role_policies,
    patch_stack_contents,
    patch_state_machines_from_cloudformation,
)
from tuner.embedded.moto_patches.events import emit_event, patch_event_targets, patch_schedules
from tuner.embedded.moto_patches.hooks import Hooks
from tuner.embedded.moto_patches.start import patch_module_list, patch_start
from tuner.embedded.moto_patches.stepfunctions import (
    patch_error_names,
    patch_execution_answers,
    patch_execution_end,
    patch_execution_times,
    patch_interpreter_clients,
    patch_interpreter_memory,
    patch_interpreter_noise,
    patch_json_paths,
    patch_nested_executions,
    patch_start_execution,
    patch_task_errors,
)
from tuner.embedded.moto_patches.storage import patch_concurrent_reads, patch_log_filter, patch_object_store

PATCHES: tuple[Callable[[Hooks], None], ...] = (
    patch_start,
    patch_module_list,
    patch_function_settings,
    patch_function_code_location,
    patch_function_code,
    patch_function_from_cloudformation,
    patch_function_versions,
    patch_function_lookup,
    patch_invoke,
    patch_function_policy,
    patch_function_listing,
    patch_reserved_concurrency,
    patch_layer_lookup,
    patch_function_questions,
    patch_state_machines_from_cloudformation,
    patch_start_execution,
    patch_execution_times,
    patch_execution_end,
    patch_execution_answers,
    patch_nested_executions,
    patch_error_names,
    patch_task_errors,
    patch_json_paths,
    patch_interpreter_clients,
    patch_interpreter_memory,
    patch_interpreter_noise,
    patch_event_targets,
    patch_schedules,
    patch_bucket_policies,
    patch_bucket_rules,
    patch_stack_contents,
    patch_role_policies,
    patch_log_filter,
    patch_object_store,
    patch_concurrent_reads,
)


def apply(hooks: Hooks) -> None:
    """Put on every patch. To be called once in a process."""
    for patch in PATCHES:
        patch(hooks)


__all__ = ["PATCHES", "Hooks", "apply", "emit_event"]
