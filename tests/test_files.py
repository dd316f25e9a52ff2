"""Files are replaced whole, keep their modes, and are locked against other processes."""

import os
import stat

import pytest

from splinekan import _files, plots


@pytest.fixture
def umask():
    usual = os.umask(0o027)
    yield
    os.umask(usual)


def test_modes(tmp_path, umask):
    path = tmp_path / "new" / "a.json"
    _files.write_json(path, {"a": 1})
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    path.chmod(0o604)
    _files.write_json(path, {"a": 2})
    assert stat.S_IMODE(path.stat().st_mode) == 0o604
    assert path.read_text() == '{\n  "a": 2\n}'
    assert [file.name for file in path.parent.iterdir()] == ["a.json"]


@pytest.mark.parametrize("there", [True, False])
def test_links_are_followed(tmp_path, there):
    (tmp_path / "store").mkdir()
    target, link = tmp_path / "store" / "target", tmp_path / "link.png"
    if there:
        target.write_text("old")
    link.symlink_to("store/target")
    plots.save(plots.canvas()[0], link)
    assert link.is_symlink()
    assert target.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt(), ValueError()])
@pytest.mark.parametrize("old", [b"old", None])
def test_a_write_that_fails_leaves_the_old_file(tmp_path, error, old):
    path = tmp_path / "a"
    if old is not None:
        path.write_bytes(old)

    def fail():
        with _files.replacing(path) as file:
            file.write(b"new")
            raise error

    with pytest.raises(type(error)) as caught:
        fail()
    if isinstance(error, OSError):
        assert caught.value.filename == str(path)
    assert [file.name for file in tmp_path.iterdir()] == ([] if old is None else ["a"])
    assert old is None or path.read_bytes() == old


def test_a_figure_that_cannot_be_drawn_leaves_the_old_file(tmp_path, monkeypatch):
    figure, axes = plots.canvas()
    axes[0, 0].set_title("$\\nothing$")
    path = tmp_path / "a.png"
    path.write_bytes(b"old")
    with pytest.raises(ValueError, match="nothing"):
        plots.save(figure, path)
    assert path.read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    "path", ["/dev/full", "/dev/null", "/dev", "/dev/null/a", "a" * 300, "b/" * 2500 + "a"]
)
def test_what_cannot_be_replaced_is_refused(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for write in (_files.check_writable, lambda path: _files.write_json(path, {})):
        with pytest.raises((ValueError, OSError), match=path[:20]):
            write(_files.as_path("path", path))
    assert not list(tmp_path.iterdir())


def test_a_test_of_a_folder_leaves_nothing(tmp_path):
    _files.check_writable(tmp_path / "a" / "b" / "c.json")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("value", [3, None, b"a", "", "a\0b", ["a"]])
def test_paths_are_text(value):
    with pytest.raises((TypeError, ValueError), match="path must be a path"):
        _files.as_path("path", value)


def test_the_same_file_has_many_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = _files.as_path("path", "s.png")
    (tmp_path / "d").symlink_to(".")
    others = ("./s.png", "d/s.png", str(tmp_path / "s.png"), "S.PNG")
    for other in others:
        assert _files.same_file(path, _files.as_path("path", other)), other
    path.touch()
    os.link(path, "hard")
    assert _files.same_file(path, _files.as_path("path", "hard"))
    assert not _files.same_file(path, _files.as_path("path", "t.png"))


def test_a_lock_is_held_once_and_left_locks_lock_nothing(tmp_path):
    path = tmp_path / "new" / "a.lock"
    for _ in range(2):
        with _files.locked(path):
            with pytest.raises(BlockingIOError), _files.locked(path):
                pass
            assert path.exists()
        assert not path.exists()
        path.touch()  # by a process that was killed
