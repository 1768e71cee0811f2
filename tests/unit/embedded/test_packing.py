"""Packing a folder as a deployment package."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from tuner.embedded.packing import CodeNotPacked, collect_package, pack, pack_folder


def write(folder: Path, *names: str, text: str = "x") -> None:
    """Write files and their folders."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def test_secrets_and_caches_are_not_packed(tmp_path: Path) -> None:
    """What lies beside the code and is no code stays where it is; the same files with a comment are another package."""
    write(
        tmp_path,
        "app.py",
        ".env",
        ".env.local",
        ".envelope.py",
        "sub/.env",
        "sub/data.json",
        ".git/config",
        ".aws/credentials",
        ".npmrc",
        "sub/.ssh/id",
    )
    write(tmp_path, "sub/.terraform/x", ".serverless/x", "cdk.out/x", ".aws-sam/build/F/app.py", "node_modules/x/x.js")
    write(tmp_path, ".venv311/x.py", "__pycache__/app.pyc", ".tox/py/x.py")
    packed = pack_folder(tmp_path)
    assert zipfile.ZipFile(io.BytesIO(packed)).namelist() == [".envelope.py", "app.py", "sub/data.json"]
    assert pack_folder(tmp_path) == packed
    assert pack(collect_package(tmp_path).files, "/usr/bin/python3") != packed


def test_virtual_environments_are_known_by_what_they_hold(tmp_path: Path) -> None:
    """uv, poetry and pdm write a pyvenv.cfg, conda a conda-meta; a package that is called env is one."""
    write(tmp_path, "app.py", "env/__init__.py", "build/tool.py")
    write(
        tmp_path, "apienv/pyvenv.cfg", "apienv/lib/python3.12/site-packages/x.py", "deep/er/pyvenv.cfg", "deep/er/y.py"
    )
    write(tmp_path, "conda/conda-meta/history", "conda/lib/z.py")
    assert list(collect_package(tmp_path).files) == ["app.py", "build/tool.py", "env/__init__.py"]


def test_links_are_followed_unless_they_lead_back(tmp_path: Path) -> None:
    """Code that functions share by a link goes along, as ``zip`` and ``sam build`` take it; a circle ends."""
    write(tmp_path, "shared/tool.py", "one/app.py", "two/app.py")
    (tmp_path / "one" / "shared").symlink_to(tmp_path / "shared")
    (tmp_path / "one" / "file.py").symlink_to(tmp_path / "shared" / "tool.py")
    (tmp_path / "one" / "back").symlink_to(tmp_path / "one")
    (tmp_path / "one" / "gone").symlink_to(tmp_path / "nowhere")
    (tmp_path / "one" / "two").symlink_to(tmp_path / "two")
    (tmp_path / "two" / "one").symlink_to(tmp_path / "one")
    assert list(collect_package(tmp_path / "one").files) == ["app.py", "file.py", "shared/tool.py", "two/app.py"]


def project(folder: Path) -> Path:
    """A repository with a function in ``src``."""
    write(folder, ".git/HEAD", "src/app.py", "src/keep.csv", "src/data/big.csv", "src/data/model.bin", "src/gen/pb2.py")
    write(folder, "src/build/lib.py", "src/sub/notes.txt", "src/sub/keep.log", "src/sub/x.log")
    write(folder, ".gitignore", text="*.csv\n!keep.csv\n/src/data/\ngen/\nbuild\n*.log\n")
    write(folder, "src/sub/.gitignore", text="!keep.log\n")
    return folder / "src"


def names(folder: Path, *, needed: tuple[Path, ...] = ()) -> list[str]:
    """What is packed of a folder where .gitignore is heeded."""
    return list(collect_package(folder, needed=needed, heeds_gitignore=True).files)


def test_what_gitignore_lists_is_left_out_and_named(tmp_path: Path) -> None:
    """As Git decides: files of outer folders count, inner ones win, and what an excluded folder holds is not named."""
    src = project(tmp_path)
    package = collect_package(src, heeds_gitignore=True)
    assert list(package.files) == ["app.py", "keep.csv", "sub/.gitignore", "sub/keep.log", "sub/notes.txt"]
    assert package.ignored == ("build", "data", "gen", "sub/x.log")
    assert len(collect_package(src).files) == 10


def test_a_gitignore_as_git_reads_it(tmp_path: Path) -> None:
    """A byte order mark and Windows' line ends count for nothing, nor does a line that is no pattern."""
    write(tmp_path, "app.py", "a.bin", "b.bin", "d/x", "#c")
    (tmp_path / ".gitignore").write_bytes("\ufeffa.bin\r\n!\r\n[z-\r\nb.bin  \r\nd/*\r\n\\#c\r\n".encode())
    assert names(tmp_path) == [".gitignore", "app.py"]


def test_what_the_handler_imports_is_packed_whatever_gitignore_says(tmp_path: Path) -> None:
    """Generated modules are often not under version control, and needed: they stay, with what lies beside them."""
    src = project(tmp_path)
    write(src, "gen/data.json")
    assert {"gen/pb2.py", "gen/data.json"} <= set(names(src, needed=(src / "gen" / "pb2.py",)))
    write(tmp_path, ".gitignore", text="*_pb2.py\n")
    write(src, "one_pb2.py", "two_pb2.py")
    packed = names(src, needed=(src / "one_pb2.py",))
    assert "one_pb2.py" in packed
    assert "two_pb2.py" not in packed


@pytest.mark.parametrize("built", ["package", ".aws-sam/build/F", "layer/python"])
def test_a_folder_that_was_built_to_be_deployed_is_packed_whole(tmp_path: Path, built: str) -> None:
    """What CodeUri names is not left out because it is ignored, nor is anything in it."""
    write(tmp_path, ".git/HEAD", f"{built}/app.py", f"{built}/native.so", f"{built}/build/tool.py")
    write(tmp_path, ".gitignore", text="*.so\nbuild/\npackage/\n.aws-sam/\npython/\n")
    assert names(tmp_path / built) == ["app.py", "build/tool.py", "native.so"]


@pytest.mark.parametrize("folder", ["src", "src/vendor"])
def test_installed_packages_stay(tmp_path: Path, folder: str) -> None:
    """``pip install --target`` notes down what it installed: such a folder is needed, listed or not."""
    write(tmp_path, ".git/HEAD", "src/app.py", f"{folder}/numpy/core.so", f"{folder}/numpy-2.0.dist-info/METADATA")
    write(tmp_path, ".gitignore", text="vendor/\n*.so\nnumpy*\n")
    inside = f"{folder}/numpy/core.so".removeprefix("src/")
    assert (inside in names(tmp_path / "src")) is True


def test_without_a_repository_only_the_folders_own_rules_count(tmp_path: Path) -> None:
    """Files above a folder that is in no repository say nothing of it; broken lines are no reason to fail."""
    write(tmp_path, "src/app.py", "src/data.csv", "src/x.log")
    write(tmp_path, ".gitignore", text="*\n")
    write(tmp_path, "src/.gitignore", text="*.csv\n")
    assert names(tmp_path / "src") == [".gitignore", "app.py", "x.log"]
    (tmp_path / "src" / ".gitignore").write_bytes(b"\xff\xfe*.csv\n!\n")
    assert "app.py" in names(tmp_path / "src")


def test_a_folder_that_is_too_large_names_the_largest_in_it(tmp_path: Path) -> None:
    """Lambda's limit is for the unpacked code; what takes most of it is named."""
    write(tmp_path, "app.py", text="x" * 50)
    write(tmp_path, "data/a.bin", "data/b.bin", text="x" * 2_000_000)
    with pytest.raises(CodeNotPacked, match="larger than Lambda's limit of 3 MB") as caught:
        collect_package(tmp_path, limit_bytes=3 * 1024**2)
    assert "data (4 MB)" in caught.value.hint
    with pytest.raises(CodeNotPacked, match="no folder"):
        collect_package(tmp_path / "none")
