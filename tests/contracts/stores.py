"""The contract of stores: what reads runs, and what runs are written with."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from tuner.aws.artifacts import Artifacts, RunArtifacts
from tuner.cli.store import ArtifactReader
from tuner.core.errors import ChangedMeanwhile, RunNotFound

OBJECTS = {"index/b.json": b"2", "index/a.json": b'{"n": 1}', "runs/a/report.md": "\u00e4".encode()}


class ReaderContract:
    """Of everything that reads runs; a subclass has the fixture ``filled``, a reader of such objects."""

    @pytest.fixture
    def reader(self, filled: Callable[[Mapping[str, bytes]], ArtifactReader]) -> ArtifactReader:
        """One with a few objects, written in this order."""
        return filled(OBJECTS)

    def test_objects_are_read(self, reader: ArtifactReader) -> None:
        """As bytes, or as JSON."""
        assert reader.read("runs/a/report.md") == "\u00e4".encode()
        assert (reader.read_json("index/a.json"), reader.read_json("index/b.json")) == ({"n": 1}, 2)

    def test_what_is_not_there_is_none(self, reader: ArtifactReader) -> None:
        """Neither a missing object nor the beginning of a key is an error."""
        assert [reader.read(key) for key in ("index/c.json", "index/", "index", "none/x")] == [None] * 4
        assert reader.read_json("index/c.json") is None

    def test_keys_are_listed_in_order(self, reader: ArtifactReader) -> None:
        """By name, from a prefix that may end anywhere."""
        assert list(reader.keys("index/")) == ["index/a.json", "index/b.json"]
        assert list(reader.keys("runs/a/rep")) == ["runs/a/report.md"]
        assert list(reader.keys("nothing/")) == []

    def test_the_latest_keys_come_first(self, reader: ArtifactReader) -> None:
        """No more of them than were asked for."""
        assert sorted(reader.latest_keys("index/", 5)) == ["index/a.json", "index/b.json"]
        assert len(reader.latest_keys("index/", 1)) == 1
        assert reader.latest_keys("nothing/", 1) == []


class StoreContract(ReaderContract):
    """Of every artifact bucket; a subclass has the fixture ``store``, an empty one."""

    @pytest.fixture
    def filled(self, store: Artifacts) -> Callable[[Mapping[str, bytes]], ArtifactReader]:
        """By writing."""

        def fill(objects: Mapping[str, bytes]) -> ArtifactReader:
            for key, body in objects.items():
                store.write(key, body)
            return store

        return fill

    def test_what_was_written_last_is_read(self, store: Artifacts) -> None:
        """Whole, or a part of it; and its time is known."""
        store.write("a.json", b"old")
        store.write("a.json", b"0123456789")
        assert (store.read("a.json"), store.read("a.json", part=(3, 4))) == (b"0123456789", b"3456")
        assert store.read("a.json", most_bytes=2) == b"01"
        assert store.exists("a.json")
        assert store.written_at("b.json") is None

    def test_deleting_twice_is_fine(self, store: Artifacts) -> None:
        """And afterwards there is nothing."""
        store.write("a.json", b"1")
        store.delete("a.json")
        store.delete("a.json")
        assert (store.exists("a.json"), store.read("a.json"), list(store.keys(""))) == (False, None, [])

    def test_only_what_was_read_is_replaced(self, store: Artifacts) -> None:
        """A second writer is refused, whether the object was there or not, and overwrites nothing."""
        store.write_unchanged("a.json", b"1", None)
        with pytest.raises(ChangedMeanwhile):
            store.write_unchanged("a.json", b"2", None)
        _, entity_tag = store.read_tagged("a.json")
        store.write_unchanged("a.json", b"2", entity_tag)
        with pytest.raises(ChangedMeanwhile):
            store.write_unchanged("a.json", b"3", entity_tag)
        assert store.read("a.json") == b"2"
        assert store.read_tagged("b.json") == (None, None)

    def test_what_others_wrote_meanwhile_is_changed_in_its_turn(self, store: Artifacts) -> None:
        """Nobody's part is lost; one who is never alone gives up."""
        others = iter([b"theirs"])

        def add(body: bytes | None) -> tuple[bytes, int]:
            for each in others:
                store.write("a.json", each)
            return (body or b"") + b"+ours", len(body or b"")

        assert store.rewrite("a.json", add) == len("theirs")
        assert store.read("a.json") == b"theirs+ours"
        others = iter([])
        numbers = iter(range(100))

        def never_alone(body: bytes | None) -> tuple[bytes, None]:
            store.write("a.json", b"%d" % next(numbers))
            return b"ours", None

        with pytest.raises(ChangedMeanwhile):
            store.rewrite("a.json", never_alone)
        assert (store.read("a.json") or b"").isdigit()

    def test_a_runs_objects_are_its_own(self, store: Artifacts) -> None:
        """Named without the run's folder; what a run has not is an error that names it."""
        one, other = RunArtifacts(store, "one"), RunArtifacts(store, "two")
        one.write("rounds/1.json", {"a": None})
        one.write_text("report.md", "# \u00e4")
        other.write("rounds/2.json", [])
        assert (one.names(""), other.names("rounds/")) == (["report.md", "rounds/1.json"], ["rounds/2.json"])
        assert one.read("rounds/1.json") == {"a": None}
        assert one.find("rounds/2.json") is None
        with pytest.raises(RunNotFound, match=r"one has no plan\.json"):
            one.read("plan.json")
