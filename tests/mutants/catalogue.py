"""The planted bugs: each a small change of one place, and what must notice it.

Each is of a kind that was made, or could be made, in good faith. Where a cell
of the fault matrix is named, the matrix alone must see it: no unit test helps.
"""

# ruff: noqa: E501 - the changes are lines of the code as they stand there
from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """One planted bug."""

    name: str
    room: str
    path: str
    old: str
    new: str
    killers: tuple[str, ...]
    """Tests (``tests/….py::name``) and cells of the fault matrix (``story/place/…``)."""
    more: tuple[tuple[str, str], ...] = ()
    """Further changes of the same file, old and new."""
    quick: bool = False
    """Whether it is tried in ``make test``."""


RESTORE, SWEEP, PLAN, MEASURE, SNAPSHOT, BOOKING = "restore", "sweep", "plan", "measure", "snapshot", "booking"

_WELL = "well/story/all:0/nothing-fails"
_FAILING = "failing/story/all:0/nothing-fails"
_SWEPT = "swept/story/all:0/nothing-fails"
_FOLLOWED = "followed/story/all:0/nothing-fails"
_ORPHANED = "orphaned/story/all:0/nothing-fails"
_SWEEPER_COMES = "well/state/Recommend:1/sweeper-comes"
_RECONFIGURED = "well/state/Recommend:1/reconfigured"
_SECOND_RUN = "well/state/Suggest:2/second-run"
_ABORTED = "well/state/Recommend:1/aborted"
_RESTORED_TWICE = "well/step/restore:1/error-after"
_RESTORE_DENIED = "unrestored/state/restore.Restore:1/aborted"
_PLAN_LOST = "well/state/Restore:1.2*/object-lost"
_GOES_ON = "well/call/restore:1.*/deletion-goes-on"
_MEASURED_TWICE = "well/step/measure:1/error-after"

_RESTORES = "tests/unit/steps/test_restore.py"
_RUNS = "tests/unit/steps/test_run.py"
_SWEEPS = "tests/unit/steps/test_sweep.py"
_SNAPSHOTS = "tests/unit/test_snapshot.py"
_MEASURES = "tests/unit/steps/test_measure.py"

MUTANTS: tuple[Mutant, ...] = (
    # --- restore ---
    Mutant(
        "restore skips the last copy",
        RESTORE,
        "tuner/steps/restore.py",
        "for name in dict.fromkeys(step.name for step in plan.steps):",
        "for name in list(dict.fromkeys(step.name for step in plan.steps))[:-1]:",
        (_WELL, _ABORTED),
        quick=True,
    ),
    Mutant(
        "restore believes a deletion without a look",
        RESTORE,
        "tuner/steps/restore.py",
        "        if not clones.exists(name):\n            return None, True\n",
        "        return None, True\n",
        (f"{_RESTORES}::test_copy_that_outlives_its_deletion_is_not_called_removed", _GOES_ON),
    ),
    Mutant(
        "a second restore forgets what the first removed",
        RESTORE,
        "tuner/steps/restore.py",
        '*earlier.get("removed", ()), ',
        "",
        (_RESTORED_TWICE, f"{_RESTORES}::test_two_that_restore_at_once_lose_nothing_of_the_proof"),
    ),
    Mutant(
        "the first copy that cannot be removed keeps the others",
        RESTORE,
        "tuner/steps/restore.py",
        "            problems[name] = problem\n",
        "            problems[name] = problem\n            break\n",
        (f"{_RESTORES}::test_one_copy_that_stays_does_not_keep_the_others",),
    ),
    Mutant(
        "two that restore at once write over each other",
        RESTORE,
        "tuner/steps/restore.py",
        "allow_nan=False).encode(), entity_tag",
        "allow_nan=False).encode(), artifacts.all.read_tagged(artifacts.key(RESTORED))[1]",
        (f"{_RESTORES}::test_proof_that_is_written_meanwhile_is_read_again",),
    ),
    Mutant(
        "complete whatever is left",
        RESTORE,
        "tuner/steps/restore.py",
        "return not self.remaining and all(",
        "return all(",
        (f"{_RESTORES}::test_copy_that_outlives_its_deletion_is_not_called_removed",),
    ),
    Mutant(
        "complete whatever has changed",
        RESTORE,
        "tuner/steps/restore.py",
        "return not self.remaining and all(check.same is not False for check in self.checks)",
        "return not self.remaining",
        (_RECONFIGURED,),
    ),
    Mutant(
        "a copy that could not be removed ends nothing",
        RESTORE,
        "tuner/steps/restore.py",
        "    _raise_for(problems, artifacts.run_id)\n",
        "",
        ("well/call/restore:1.3/denied",),
    ),
    Mutant(
        "before and after are swapped",
        RESTORE,
        "tuner/steps/restore.py",
        "checks = compare(plan.snapshot_before, after)",
        "checks = compare(after, plan.snapshot_before)",
        (_RECONFIGURED,),
    ),
    Mutant(
        "the function is compared with itself as it was",
        RESTORE,
        "tuner/steps/restore.py",
        "after = _read(reader, plan)",
        "after = plan.snapshot_before",
        (_RECONFIGURED,),
        quick=True,
    ),
    Mutant(
        "anything may be deleted",
        RESTORE,
        "tuner/aws/clones.py",
        '            raise ValueError(f"{name} is not ours to delete")\n',
        "            pass\n",
        (f"{_RESTORES}::test_only_copies_can_be_deleted",),
    ),
    Mutant(
        "the report closes a run whose copies are left",
        RESTORE,
        "tuner/steps/report.py",
        'if artifacts.find(PLAN) is None or (restored is not None and not restored["remaining"]):',
        "if True:",
        (f"{_RESTORES}::test_copy_that_outlives_its_deletion_is_not_called_removed",),
    ),
    Mutant(
        "a copy that is going is not waited for",
        RESTORE,
        "tuner/steps/restore.py",
        "    if len(retryable) == len(problems):",
        "    if not problems:",
        (_GOES_ON, f"{_RESTORES}::test_throttled_deletion_is_tried_again"),
    ),
    Mutant(
        "nothing starts restore for a run whose time is over",
        RESTORE,
        "template.yaml",
        "status: [FAILED, ABORTED, TIMED_OUT]",
        "status: [FAILED, ABORTED]",
        ("well/state/Recommend:1/timed-out",),
    ),
    # --- sweep ---
    Mutant(
        "the sweeper looks at runs that are within their time",
        SWEEP,
        "tuner/steps/overdue.py",
        'if mark is not None and mark["expires_at"] <= now and is_run_id(run_id):',
        'if mark is not None and mark["expires_at"] >= now and is_run_id(run_id):',
        (_SWEEPER_COMES, f"{_SWEEPS}::test_overdue_run_that_left_no_function_is_restored_too"),
    ),
    Mutant(
        "the sweeper takes what is in use",
        SWEEP,
        "tuner/steps/sweep.py",
        'if tags.get(EXPIRES_TAG, "") > now:',
        'if tags.get(EXPIRES_TAG, "") > "9":',
        (_SWEEPER_COMES,),
    ),
    Mutant(
        "the sweeper takes no notice of marks",
        SWEEP,
        "tuner/steps/sweep.py",
        "        overdue.update((run_id, None) for run_id, _ in overdue_runs(artifacts, now=now))\n",
        "        pass\n",
        (f"{_SWEEPS}::test_overdue_run_that_left_no_function_is_restored_too",),
    ),
    Mutant(
        "the sweeper leaves what belongs to no run",
        SWEEP,
        "tuner/steps/sweep.py",
        "        else:\n            orphans.append(name)\n    try:",
        "    try:",
        (_ORPHANED,),
    ),
    Mutant(
        "the sweeper waits for a run whose plan is gone for ever",
        SWEEP,
        "tuner/steps/sweep.py",
        'if tags.get(EXPIRES_TAG, "") <= long_ago:',
        "if False:",
        (_PLAN_LOST,),
    ),
    Mutant(
        "the sweeper starts restore for no run",
        SWEEP,
        "tuner/steps/sweep.py",
        "            overdue[run_id] = None\n",
        "",
        (f"{_SWEEPS}::test_run_whose_restore_cannot_be_started_is_named",),
    ),
    Mutant(
        "a refusal ends the sweep",
        SWEEP,
        "tuner/steps/sweep.py",
        "    except TunerError as error:\n        failed[name] = error.message\n        return False\n",
        "    except TunerError:\n        raise\n",
        (f"{_SWEEPS}::test_refused_deletion_is_named_and_the_rest_is_swept",),
    ),
    Mutant(
        "an overdue run of the function is left alone",
        SWEEP,
        "tuner/steps/overdue.py",
        "    for run_id in overdue:\n        start_restore(run_id)\n",
        "",
        (_FOLLOWED,),
    ),
    Mutant(
        "two runs cannot be restored in the same second",
        SWEEP,
        "tuner/handlers/_entry.py",
        'name=f"overdue-{digest}-{now():%Y%m%dT%H%M%S}"',
        'name=f"overdue-{now():%Y%m%dT%H%M%S}"',
        (f"{_SWEEPS}::test_runs_that_are_restored_in_the_same_second_are_told_apart",),
    ),
    Mutant(
        "only the first overdue run is restored",
        SWEEP,
        "tuner/steps/overdue.py",
        "        start_restore(run_id)\n    return overdue",
        "        start_restore(run_id)\n        break\n    return overdue",
        (f"{_RUNS}::test_overdue_run_of_the_same_function_is_restored_first",),
    ),
    # --- plan ---
    Mutant(
        "the plan is saved after the copies are made",
        PLAN,
        "tuner/steps/create_clones.py",
        "    if grown != plan:\n        save_plan(artifacts, grown)\n    tags",
        "    tags",
        (f"{_RUNS}::test_copy_is_in_the_plan_before_it_is_made", _WELL),
        more=(("    count = len(active)", "    save_plan(artifacts, grown)\n    count = len(active)"),),
        quick=True,
    ),
    Mutant(
        "copies expire before their run ends",
        PLAN,
        "tuner/steps/plan.py",
        "timedelta(minutes=request.budget.max_minutes + 60)",
        "timedelta(minutes=request.budget.max_minutes - 60)",
        (f"{_RUNS}::test_copy_is_in_the_plan_before_it_is_made", _WELL),
    ),
    Mutant(
        "only the first copy of a round is planned",
        PLAN,
        "tuner/core/plan.py",
        "return replace(self, steps=self.steps + added)",
        "return replace(self, steps=self.steps + added[:1])",
        ("reserving/story/all:0/nothing-fails", f"{_RUNS}::test_copy_is_in_the_plan_before_it_is_made"),
    ),
    Mutant(
        "two runs have the same copies",
        PLAN,
        "tuner/core/plan.py",
        "{hashlib.sha256(run_id.encode()).hexdigest()[:12]}",
        "{hashlib.sha256(b'run').hexdigest()[:12]}",
        (_SECOND_RUN,),
    ),
    Mutant(
        "both architectures share a copy",
        PLAN,
        "tuner/core/plan.py",
        'architecture = "arm" if candidate.architecture == "arm64" else "x86"',
        'architecture = "arm"',
        ("tests/unit/test_clone.py::test_every_copy_has_a_name_of_its_own",),
    ),
    Mutant(
        "copies do not tell their run",
        PLAN,
        "tuner/steps/create_clones.py",
        "tags = {RUN_TAG: run_tag(record.run_id), EXPIRES_TAG: plan.expires_at}",
        "tags = {EXPIRES_TAG: plan.expires_at}",
        (f"{_RUNS}::test_copy_is_in_the_plan_before_it_is_made", _WELL),
    ),
    Mutant(
        "a run leaves no mark",
        PLAN,
        "tuner/steps/overdue.py",
        '    artifacts.all.write_json(_key(artifacts.run_id), {"function_name": function_name, "expires_at": expires_at})\n',
        "    return\n",
        (_FOLLOWED,),
    ),
    Mutant(
        "the first mark is overdue at once",
        PLAN,
        "tuner/steps/plan.py",
        "_LONGEST_RUN = timedelta(hours=6)",
        "_LONGEST_RUN = timedelta(0)",
        (_WELL,),
    ),
    Mutant(
        "the plan has no snapshot",
        PLAN,
        "tuner/steps/plan.py",
        "snapshot_before=fingerprint(readable),",
        "",
        (_WELL,),
    ),
    # --- measure ---
    Mutant(
        "what was billed is taken for the duration",
        MEASURE,
        "tuner/aws/invoker.py",
        "duration_ms=record.duration_ms,",
        "duration_ms=record.billed_ms,",
        (_WELL,),
        quick=True,
    ),
    Mutant(
        "the init is part of the duration",
        MEASURE,
        "tuner/aws/invoker.py",
        "duration_ms=record.duration_ms,",
        "duration_ms=(record.duration_ms or 0) + (record.cold_start_ms or 0),",
        (_WELL,),
    ),
    Mutant(
        "a failed invocation is a good one",
        MEASURE,
        "tuner/aws/invoker.py",
        '    if error_type is not None:\n        return "function_error"\n',
        "",
        (_FAILING,),
    ),
    Mutant(
        "memory that was used is forgotten",
        MEASURE,
        "tuner/aws/invoker.py",
        "max_memory_used_mb=record.max_memory_used_mb,",
        "max_memory_used_mb=None,",
        (_WELL,),
    ),
    Mutant(
        "no start is cold",
        MEASURE,
        "tuner/aws/invoker.py",
        "cold=record.cold,",
        "cold=False,",
        (_WELL,),
    ),
    Mutant(
        "an invocation is not booked before it is made",
        MEASURE,
        "tuner/steps/measure.py",
        "        journal = replace(journal, started=len(done) + wave)\n        artifacts.write(name, to_json(journal))\n",
        "        journal = replace(journal, started=len(done) + wave)\n",
        (f"{_RUNS}::test_crash_in_an_invocation_counts_as_unmeasured",),
    ),
    Mutant(
        "an invocation is booked before what may fail without it",
        MEASURE,
        "tuner/steps/measure.py",
        "        # First, so that where it fails no invocation is booked that was not made.\n"
        "        report_batch(artifacts, record, batch, [*others, journal.observation])\n",
        "",
        ("well/call/measure:1.*/throttled",),
        more=(
            (
                "        if done and record.request.sleep_between",
                "        report_batch(artifacts, record, batch, [*others, journal.observation])\n"
                "        if done and record.request.sleep_between",
            ),
        ),
    ),
    Mutant(
        "what was started is started again",
        MEASURE,
        "tuner/steps/measure.py",
        "for _ in range(journal.started - len(journal.observation.invocations)):",
        "for _ in range(0):",
        (f"{_RUNS}::test_crash_in_an_invocation_counts_as_unmeasured",),
    ),
    Mutant(
        "a batch that is measured is measured again",
        MEASURE,
        "tuner/steps/measure.py",
        "    if journal.complete:\n        return len(journal.observation.invocations)\n    journals",
        "    if journal.complete:\n        journal = Journal(_nothing_yet(batch))\n    journals",
        (_MEASURED_TWICE,),
    ),
    Mutant(
        "an error of Lambda's in an invocation ends the run",
        MEASURE,
        "tuner/aws/invoker.py",
        '                    return _unmeasured(error_text(error)), b""\n',
        "                    raise\n",
        ("well/call/measure:1.*/error-before",),
    ),
    # --- snapshot ---
    Mutant(
        "everything is the same",
        SNAPSHOT,
        "tuner/core/snapshot.py",
        "same = None if unknown else value == other",
        "same = None if unknown else True",
        (_RECONFIGURED,),
    ),
    Mutant(
        "what could not be read is the same",
        SNAPSHOT,
        "tuner/core/snapshot.py",
        "same = None if unknown else value == other",
        "same = unknown or value == other",
        (f"{_SNAPSHOTS}::test_what_could_not_be_read_is_not_called_the_same",),
    ),
    Mutant(
        "tags and versions are not compared",
        SNAPSHOT,
        "tuner/core/snapshot.py",
        '        if section == "revision":\n            continue\n        other',
        '        if section in ("revision", "tags", "versions"):\n            continue\n        other',
        (_WELL,),
    ),
    Mutant(
        "a setting is taken for one of AWS's own",
        SNAPSHOT,
        "tuner/core/snapshot.py",
        '        "metricFilterCount",\n',
        '        "metricFilterCount",\n        "FileSystemConfigs",\n',
        (f"{_SNAPSHOTS}::test_every_setting_is_compared",),
    ),
    Mutant(
        "event sources are not read",
        SNAPSHOT,
        "tuner/aws/target.py",
        'lambda: pages("list_event_source_mappings", "EventSourceMappings"),',
        "lambda: NOT_READABLE,",
        (_WELL,),
    ),
    Mutant(
        "secrets stand in the snapshot",
        SNAPSHOT,
        "tuner/core/snapshot.py",
        '_SECRET_KEYS = frozenset({"Environment"})',
        "_SECRET_KEYS: frozenset[str] = frozenset()",
        (f"{_SNAPSHOTS}::test_secrets_are_hashes",),
    ),
    Mutant(
        "another environment has the same hash",
        SNAPSHOT,
        "tuner/core/snapshot.py",
        'key: f"sha256:{_digest(item)}" if key in _SECRET_KEYS',
        'key: "sha256:…" if key in _SECRET_KEYS',
        (f"{_SNAPSHOTS}",),
    ),
    Mutant(
        "a change by somebody else is not told",
        SNAPSHOT,
        "tuner/core/snapshot.py",
        "    return tuple(found)\n\n\ndef _modified_at",
        "    return ()\n\n\ndef _modified_at",
        (_RECONFIGURED,),
    ),
    # --- booking ---
    Mutant(
        "what is unmeasured is free",
        BOOKING,
        "tuner/core/result.py",
        "round(problem.timeout_ms) if billed_ms is None else billed_ms",
        "0 if billed_ms is None else billed_ms",
        ("well/call/measure:1.*/error-after",),
    ),
    Mutant(
        "what was measured is paid instead of what was billed",
        BOOKING,
        "tuner/core/result.py",
        "_cost_usd(problem, observation.candidate, invocation.billed_ms)",
        "_cost_usd(problem, observation.candidate, int(invocation.duration_ms or 0) or None)",
        (_WELL,),
    ),
    Mutant(
        "requests are free",
        BOOKING,
        "tuner/core/pricing.py",
        "        + prices.usd_per_request\n",
        "",
        (_WELL,),
    ),
    Mutant(
        "failed invocations are not in the report",
        BOOKING,
        "tuner/core/result.py",
        "            for observation in observations\n            for invocation in observation.invocations\n        ],\n        **({} if anchor",
        "            for observation in observations\n            for invocation in observation.invocations\n"
        '            if invocation.outcome == "ok"\n        ],\n        **({} if anchor',
        (_FAILING,),
    ),
    Mutant(
        "the SDK invokes again after a lost answer",
        BOOKING,
        "tuner/aws/clients.py",
        'retries={"mode": "standard", "total_max_attempts": 1},',
        'retries={"mode": "standard", "total_max_attempts": 3},',
        ("well/call/measure:1.*/error-after",),
    ),
    Mutant(
        "the last observation of a run is not booked",
        BOOKING,
        "tuner/steps/run.py",
        "return [journal.observation for journal in journals if journal.observation.invocations]",
        "return [journal.observation for journal in journals[:-1] if journal.observation.invocations]",
        (_WELL,),
    ),
)
