"""Patches of moto's CloudWatch Logs and S3, and of how its backends are read by several threads."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable
from typing import Any

from tuner.embedded.log_filter import matches_filter
from tuner.embedded.moto_patches.common import replaces
from tuner.embedded.moto_patches.hooks import Hooks


def patch_log_filter(hooks: Hooks) -> None:
    """Apply filter patterns: moto knows one quoted string, and for others gives every event back."""
    from moto.logs import models, utils

    class EventMessageFilter:
        def __init__(self, pattern: str) -> None:
            self._pattern = pattern

        def matches(self, message: str) -> bool:
            return matches_filter(self._pattern, message)

    utils.EventMessageFilter = EventMessageFilter
    models.EventMessageFilter = EventMessageFilter


def patch_object_store(hooks: Hooks) -> None:
    """Tell of every object that is put or deleted, so that a bucket can outlive the server: moto has no store.

    What the store cannot keep is not put: the old object stays, the caller gets an error of S3.
    """
    from moto.s3.exceptions import S3ClientError
    from moto.s3.models import S3Backend

    storing = threading.RLock()  # the store sees changes in the order in which the bucket saw them

    @replaces(S3Backend)
    def put_object(original: Any, self: Any, bucket_name: str, key_name: str, *args: Any, **kwargs: Any) -> Any:
        with storing:
            keys = self.get_bucket(bucket_name).keys
            before = keys.getlist(key_name)
            key = original(self, bucket_name, key_name, *args, **kwargs)
            try:
                hooks.object_written(key)
            except OSError as error:
                keys.setlist(key_name, before) if before else keys.pop(key_name)
                raise S3ClientError(
                    "StorageFailed", f"{error.strerror}: the disk of this machine did not take the object"
                ) from error
        return key

    @replaces(S3Backend)
    def delete_object(original: Any, self: Any, bucket_name: str, key_name: str, *args: Any, **kwargs: Any) -> Any:
        with storing:
            answer = original(self, bucket_name, key_name, *args, **kwargs)
            hooks.object_deleted(bucket_name, key_name)
        return answer


def patch_concurrent_reads(hooks: Hooks) -> None:
    """Let readers go on while others write.

    moto walks through its dictionaries while other threads change them, and
    closes an object's content under a reader when the object is overwritten:
    both end as 500. Who polls a run's progress meets both.
    """
    from moto.awslambda.models import LambdaStorage
    from moto.logs.models import LogGroup
    from moto.s3.models import FakeKey, S3Backend

    @replaces(FakeKey)
    def dispose(original: Any, self: Any, garbage: bool = False) -> None:
        """Close the content only when nobody can read it any more."""
        if garbage:
            original(self)

    def again_when_changed(read: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(read)
        def patient(*args: Any, **kwargs: Any) -> Any:
            for _ in range(50):
                try:
                    return read(*args, **kwargs)
                except (RuntimeError, KeyError) as error:
                    if isinstance(error, RuntimeError) and "changed size during iteration" not in str(error):
                        raise
                    time.sleep(0.002)
            return read(*args, **kwargs)

        return patient

    for holder, name in (
        (LambdaStorage, "latest"),
        (LambdaStorage, "all"),
        (LogGroup, "filter_log_events"),
        (LogGroup, "describe_log_streams"),
        (LogGroup, "to_describe_dict"),
        (S3Backend, "list_objects"),
        (S3Backend, "list_object_versions"),
    ):
        setattr(holder, name, again_when_changed(getattr(holder, name)))
