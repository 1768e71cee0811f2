"""The function's study in the bucket: opened for a step, written back if nobody else wrote it in the meantime."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tuner.aws.artifacts import RunArtifacts
from tuner.core.codec import from_json, to_json
from tuner.core.run.bucket_layout import EARLIER, function_key
from tuner.core.run.record import RunRecord
from tuner.core.search import Study, StudyRun, StudySetAside, earlier_runs, open_study
from tuner.steps.earlier import Earlier


@contextmanager
def study_of(artifacts: RunArtifacts, record: RunRecord) -> Iterator[tuple[Study, Earlier]]:
    """Open the study for one step and write it back when that went well.

    A study that cannot be read is kept under a name of its own, and a new one
    begun: a warm start is worth less than a run.

    Raises:
        ChangedMeanwhile: Another run wrote the same study at this moment; what this
            step asked for was not written, so that it can be repeated.
    """
    folder_key = function_key(record.target.name)
    name = f"study-{record.study_key}.log"
    body, entity_tag = artifacts.bucket.read_tagged(f"{folder_key}{name}")
    with tempfile.TemporaryDirectory() as folder:
        journal = Path(folder) / name
        if body is not None:
            journal.write_bytes(body)
        with warnings.catch_warnings():
            # It is told in the report, where people look.
            warnings.simplefilter("ignore", StudySetAside)
            study = open_study(journal, record.target.arn)
        warning = None
        for damaged in Path(folder).glob(f"{name}.set-aside-*"):
            kept = f"{folder_key}{artifacts.run_id}.{damaged.name}"
            artifacts.bucket.write(kept, damaged.read_bytes())
            warning = (
                "The study of the earlier runs could not be read, so this run did without it; "
                f"it was kept as {artifacts.bucket.uri(kept)}."
            )
        yield study, _earlier(artifacts, record, study, warning)
        artifacts.bucket.write_unchanged(f"{folder_key}{name}", journal.read_bytes(), entity_tag)


def _earlier(artifacts: RunArtifacts, record: RunRecord, study: Study, warning: str | None) -> Earlier:
    stored = artifacts.find(EARLIER)
    if stored is not None:
        earlier = from_json(Earlier, stored)
        if warning is None or warning == earlier.warning:
            return earlier
        earlier = replace(earlier, warning=warning)
    elif not record.request.warm_start:
        earlier = Earlier(reason="It was switched off with warmStart.", warning=warning)
    elif record.problem.design is not None:
        earlier = Earlier(reason="The request fixes how often each size is invoked.", warning=warning)
    elif record.request.observed is not None:
        earlier = Earlier(reason="Durations are scaled to the one that was observed on AWS.", warning=warning)
    else:
        runs = earlier_runs(study, StudyRun(record.run_id, record.started_at))
        earlier = Earlier(runs, warning=warning) if warning is None else Earlier(runs, warning, warning)
        if not runs and warning is None and record.where == "local":
            earlier = Earlier(reason=f"{earlier.reason[:-1]}, undisturbed by other work on this machine.")
    artifacts.write(EARLIER, to_json(earlier))
    return earlier
