"""CSV files: what is read, what is refused and where, in C and cell by cell, in blocks of any size."""

import csv
import io
import os
import random
import re
import threading
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from splinekan import tables
from splinekan.tables import blocks, numbers, table

LARGEST = np.finfo(float).max


@pytest.fixture
def read(tmp_path):
    """The columns of a table, given as bytes: names and numbers, or the message of a refusal."""
    path = tmp_path / "data.csv"

    def read(content, columns=None, labels=(), texts=(), **options):
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        with tables.opened(path, **options) as opened:
            wanted = range(len(opened.names)) if columns is None else columns
            return opened.names, opened.read(wanted, labels, texts)

    return read


def refusal(read, *arguments, **options):
    with pytest.raises(ValueError, match=r"data\.csv") as caught:
        read(*arguments, **options)
    return str(caught.value)


@pytest.mark.parametrize(
    ("content", "names", "rows"),
    [
        ("a,b\n1,2\n3,4\n", "ab", [[1, 2], [3, 4]]),
        ("a,b\r\n1,2\r\n3,4", "ab", [[1, 2], [3, 4]]),
        ("a,b\r1,2\r3,4\r", "ab", [[1, 2], [3, 4]]),
        ("\ufeffa;b\n1;2\n", "ab", [[1, 2]]),
        ("a\tb\n1\t2\n", "ab", [[1, 2]]),
        ("1,2\n3,4\n", ("x1", "x2"), [[1, 2], [3, 4]]),
        ("1;2", ("x1", "x2"), [[1, 2]]),
        ("5\n", ("x1",), [[5]]),
        ("a\n1\n2\n\n\n", "a", [[1], [2]]),
        ("a\n1\n2\n  \n", "a", [[1], [2]]),
        ("\n# made by hand, 2020\n\na,b\n1,2\n", "ab", [[1, 2]]),
        ("a,b\n\n1,2\n\n\n3,4\n \n", "ab", [[1, 2], [3, 4]]),
        (' a , "b" \n 1 , 2 \n', ("a", '"b"'), [[1, 2]]),
        ('"a, in m","b ""c"""\n"1","2"\n', ("a, in m", 'b "c"'), [[1, 2]]),
        ('"two\nlines",b\n1,2\n', ("two\nlines", "b"), [[1, 2]]),
        ("größe,b\n1,2\n", ("größe", "b"), [[1, 2]]),
        ("value;name, unit\n1.5;2\n", ("value", "name, unit"), [[1.5, 2]]),
        ("a,b\n+1e3,-.5E-1\n5.,0007\n", "ab", [[1000, -0.05], [5, 7]]),
        ("a,b\n-0,1e-400\n4.9e-324,1.7976931348623157e308\n", "ab", [[-0.0, 0], [5e-324, LARGEST]]),
    ],
)  # fmt: skip
def test_tables_that_are_read(read, content, names, rows):
    found, columns = read(content)
    assert found == tuple(names)
    np.testing.assert_array_equal(columns.numbers, np.array(rows, dtype=float))
    assert columns.numbers.dtype == np.float64
    np.testing.assert_array_equal(np.signbit(columns.numbers), np.signbit(np.array(rows, dtype=float)))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b"\n \n", "has no rows"),
        (b"# nothing\n", "has no rows"),
        (b"a,b\n", "has a header and no rows"),
        (b"a,b\n\n\n", "has a header and no rows"),
        (b"a,b\n1,2\n3,\n", "line 3, column 'b': the cell is empty"),
        (b"a,b\n1,2\n3,   \n", "line 3, column 'b': the cell is empty"),
        (b'a,b\n1,""\n', "line 2, column 'b': the cell is empty"),
        (b"a,b\n1,2\nNaN,4\n", "line 3, column 'a': NaN stands for a missing value"),
        (b"a,b\n1,2\nNA,4\n", "line 3, column 'a': NA stands for a missing value"),
        (b"a,b\n1,2\n3,-inf\n", "line 3, column 'b': -inf is not finite"),
        (b"a,b\n1,Infinity\n", "line 2, column 'b': Infinity is not finite"),
        (b"a,b\n1,1e400\n", "line 2, column 'b': 1e400 is beyond the range of float64"),
        (b"a,b\n1,Paris\n", "line 2, column 'b': 'Paris' is not a number"),
        (b"a,b\n1,1_000\n", "line 2, column 'b': '1_000' is not a number"),
        (b"a,b\n1,0x10\n", "line 2, column 'b': '0x10' is not a number"),
        (b"a,b\n1,True\n", "line 2, column 'b': 'True' is not a number"),
        (b"a,b\n1,1 000\n", "line 2, column 'b': '1 000' is not a number"),
        (b"a,b\n1,1d5\n", "line 2, column 'b': '1d5' is not a number"),
        ("a,b\n1,\u0661\n".encode(), "line 2, column 'b': '\u0661' is not a number"),
        ("a,b\n1,\u22125\n".encode(), "line 2, column 'b': '\u22125' is not a number"),
        ("a,b\n1,2\u00a0\n".encode(), "line 2, column 'b': '2\\xa0' is not a number"),
        (b"2019,total\n1,2\n", "line 1: '2019' is a number and 'total' is not: give --header if"),
        (b"# a\n1,\n1,2\n", "line 2: '1' is a number and '' is not: give --header if"),
        (b"nan,Kiel\n1,2\n", "line 1: 'nan' is a number and 'Kiel' is not"),
        (b"a;b\n1,5;2\n", "line 2, column 'a': '1,5' has a decimal comma"),
        (b'a,b\n"1,5",2\n', "line 2, column 'a': '1,5' has a decimal comma"),
        (b"1,5;2,5\n1,5;2,5\n", "columns may be separated by each of"),
        (b"a,b\n1,2\n1,2,3\n", "line 3 has 3 cells, and the header 2"),
        (b"a,b\n1,2\n1\n", "line 3 has 1 cell, and the header 2"),
        (b"a,b\n1,2,\n", "line 2 has 3 cells, and the header 2"),
        (b"1,2\n1,2,3\n", "line 2 has 3 cells, and the first line 2"),
        (b"a,b\n1,2,3\n4\n", "line 2 has 3 cells"),
        (b"a,b\n# a comment\n1,2\n", "line 2 has 1 cell"),
        (b"a\n1\n\n2\n", "line 3, column 'a': the cell is empty"),
        (b"a\n1\n \n2\n", "line 3, column 'a': the cell is empty"),
        (b'a\n1\n""\n2\n', "line 3, column 'a': the cell is empty"),
        (b"a\n\n2\n", "line 2, column 'a': the cell is empty"),
        (b'a,b\n"1,2\n3,4\n', "line 2: unexpected end of data"),
        (b'a,b\n1,2\n"3"x,4\n', "line 3: ',' expected after '\"'"),
        (b'"a\nb",c\n1,2\n3,x\n', "line 4, column 'c': 'x' is not a number"),
        (b'a,b\n"1\n",2\n', "line 2, column 'a': '1\\n' is not a number"),
        (b"a,b\r\n1,2\r\n\r\n3,x\r\n", "line 4, column 'b': 'x'"),
        (b"a,b\n1,2\n3,\xff\n", "line 3 is not UTF-8 (byte 0xff)"),
        (b"gr\xf6\xdfe,b\n1,2\n", "line 1 is not UTF-8 (byte 0xf6)"),
        (b"a,b\n1,\0\n", "binary file, not CSV: line 2"),
        (bytes(range(256)) * 10, "binary file, not CSV"),
        ("a,b\n1,2\n".encode("utf-16"), "is in UTF-16: save it in UTF-8"),
        (b"PK\x03\x04rest", "is a zip archive, as spreadsheets are: export it as CSV"),
        (b"\x1f\x8b\x08rest", "compressed by gzip"),
        (b"a,b\n1," + b"9" * 200_000 + b'"\n', "line 2"),
        (b"a,b\n1," + b"x" * 200_000 + b"\n", "line 2: field larger than field limit"),
    ],
)  # fmt: skip
def test_tables_that_are_refused(read, content, message):
    assert message in refusal(read, content)


def test_the_first_bad_cell_of_the_file_is_named(read):
    assert "line 2, column 'b'" in refusal(read, "a,b\n1,x\ny,2\n1\n")
    assert "line 3, column 'a'" in refusal(read, "a,b\n1,2\ny,x\n1\n")
    assert "line 4 has 1 cell" in refusal(read, "a,b\n1,2\n1,2\n1\nx,y\n")


def test_columns_that_are_not_asked_for_may_hold_anything(read):
    content = 'name,a,b\n"x ""y"", z",1,2\n,3,4\ninf,5,nan\n'
    _, columns = read(content, [1])
    np.testing.assert_array_equal(columns.numbers, [[1], [3], [5]])
    _, columns = read(content, [1], texts=[0, 2])
    assert columns.texts == (['x "y", z', "", "inf"], ["2", "4", "nan"])
    assert "line 3, column 'name': the cell is empty" in refusal(read, content, [1], labels=[0])
    assert "line 4, column 'b': nan" in refusal(read, content, [2, 1])
    _, columns = read("a,b,c\n1,2,3\n", [2, 0])
    np.testing.assert_array_equal(columns.numbers, [[3, 1]])


def test_headers_that_are_given(read):
    assert read("1,2\n3,4\n", header=True)[0] == ("1", "2")
    assert read("2019,total\n3,4\n", header=True)[0] == ("2019", "total")
    assert read("1,x\n3,y\n", [0], header=False)[0] == ("x1", "x2")
    assert "line 1, column 'x1': 'a' is not a number" in refusal(read, "a,b\n1,2\n", header=False)
    assert read("1,nan\n3,4\n", [0])[0] == ("x1", "x2")  # a bad number is not a name


def test_separators_that_are_given(read):
    names, columns = read("a,b;c\n1,5;2\n", [1], separator=";")
    assert names == ("a,b", "c")
    np.testing.assert_array_equal(columns.numbers, [[2]])
    assert "the header 1" in refusal(read, "a\n1,5\n")


def test_positions_of_names(read, tmp_path):
    path = tmp_path / "data.csv"
    path.write_text("Speed,depth,x,x,\n1,2,3,4,5\n")
    with tables.opened(path) as opened:
        assert opened.position("depth", "--target") == 1
        for name, message in [
            ("speed", "--target: .* no column 'speed', but 'Speed', 'depth', .*; did you mean 'Speed'?"),
            ("dpeth", "did you mean 'depth'?"),
            ("1", "no column '1'"),
            ("x", "2 columns named 'x'"),
        ]:
            with pytest.raises(ValueError, match=message):
                opened.position(name, "--target")
    path.write_text("1,2,3\n")
    with tables.opened(path) as opened:
        assert [opened.position(name, "") for name in ("1", "3", "x2")] == [0, 2, 1]
        for name in ("0", "4", "²", "x", "-1"):
            with pytest.raises(ValueError, match="it has no header, and its columns are x1 to x3"):
                opened.position(name, "--target")


def test_files_that_cannot_be_read(tmp_path):
    for path in (tmp_path, tmp_path / "missing.csv"):
        with pytest.raises(OSError, match=re.escape(str(path))), tables.opened(path):
            pass


def test_a_pipe_is_read(tmp_path):
    there, here = os.pipe()
    content = b"a,b\n" + b"1,2\n" * 50_000
    with open(here, "wb") as file:
        writer = threading.Thread(target=lambda: (file.write(content), file.flush(), file.close()))
        writer.start()
        with tables.opened(Path(f"/dev/fd/{there}")) as opened:
            assert opened.read([0, 1]).numbers.sum() == 150_000
        writer.join()
    os.close(there)


def test_lines_without_end(read, monkeypatch):
    monkeypatch.setattr(blocks, "LONGEST", 2000)
    monkeypatch.setattr(blocks, "BLOCK", 100)
    assert "line 2 is longer than 2000 bytes" in refusal(read, "a,b\n" + "1" * 5000)


# Every way of reading ends in the same bits and the same words.


def ways():
    """Settings of (bytes of a block, least bytes for pandas, whether clean blocks are read in C)."""
    both = [
        (2**22, 2**62, True),
        (7, 2**62, True),
        (64, 2**62, True),
        (2**22, 2**62, False),
        (30, 2**62, False),
    ]
    return both if numbers._pandas() is None else [*both, (2**22, 0, True), (64, 0, True)]


def outcomes(read, monkeypatch, *arguments, **options):
    """What every way of reading makes of a table."""
    found = []
    for size, large, in_c in ways():
        with monkeypatch.context() as patch:
            patch.setattr(blocks, "BLOCK", size)
            patch.setattr(numbers, "LARGE", large)
            if not in_c:
                patch.setattr(table, "clean", lambda *_: None)
            try:
                names, columns = read(*arguments, **options)
                found.append((names, columns.numbers.tobytes(), columns.texts))
            except ValueError as error:
                found.append(str(error))
    return found


def test_pandas_is_there_to_be_compared():
    pytest.importorskip("pandas")
    assert len(ways()) == 7


def doubles(dice, count):
    values = np.frombuffer(dice.randbytes(8 * count), np.float64)
    return np.where(np.isfinite(values), values, 0.0).tolist()


@pytest.mark.parametrize("form", ["{:.17g}", "{!r}", "{:.40e}", "{:+.3e}", " {:.16E} ", "{:.2f}"])
def test_all_ways_of_reading_round_to_the_same_bits(read, monkeypatch, form):
    dice = random.Random(form)
    rows = [doubles(dice, 3) for _ in range(40)] if ".2f" not in form else [[dice.uniform(-1e9, 1e9)] * 3] * 9
    text = "a,b,c\n" + "".join(",".join(map(form.format, row)) + "\n" for row in rows)
    found = outcomes(read, monkeypatch, text, [2, 0])
    wanted = np.array([[float(form.format(row[p])) for p in (2, 0)] for row in rows])
    assert found == [(("a", "b", "c"), wanted.tobytes(), ())] * len(found)


def test_halves_between_two_doubles_are_read_alike(read, monkeypatch):
    cells = ["9007199254740993", "9007199254740992.99999999999999999999", "1" + "0" * 22, "8.5e22", "+3e50 ",
             "0.1000000000000000055511151231257827021181583404541015625", "2.2250738585072011e-308",
             "2.47032822920623272e-324", "2.4703282292062328e-324", "1.7976931348623158e308",
             "1" * 400 + "e-390", "0." + "0" * 400 + "1e401", "123456789012345678901234567890"]  # fmt: skip
    wanted = np.array([[float(cell), 0] for cell in cells])
    found = outcomes(read, monkeypatch, "a,b\n" + "".join(f"{cell},0\n" for cell in cells))
    assert found == [(("a", "b"), wanted.tobytes(), ())] * len(found)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_all_ways_of_reading_take_the_same_numbers(read, monkeypatch, separator):
    dice = random.Random(5)
    for _ in range(40):
        cell = "".join(dice.choice("1.eE+ -035") for _ in range(dice.randint(0, 8)))
        found = outcomes(read, monkeypatch, f"a{separator}b\n1{separator}{cell}\n", separator=separator)
        assert found.count(found[0]) == len(found), (cell, found)
        taken = bool(numbers.NUMBER.fullmatch(cell.strip())) and np.isfinite(float(cell))
        assert (not isinstance(found[0], str)) == taken, cell


@pytest.mark.parametrize("columns", [None, [2, 0], [1]])
def test_all_ways_of_reading_end_alike_for_damaged_tables(read, monkeypatch, columns):
    dice = random.Random(6)
    good = (
        b'a,b,"c"\n' + b"".join(b"%d,%r,%d\n" % (i, i / 7, -i) for i in range(12)) + b'"1",2,3\n\n4,5,6\r\n'
    )
    refused = 0
    for _ in range(40):
        content = bytearray(good)
        for _ in range(dice.randint(1, 3)):
            at = dice.randrange(len(content))
            if dice.random() < 0.3:
                del content[at : at + dice.randint(1, 5)]
            else:
                content[at:at] = dice.choice([b",", b"\n", b'"', b"x", b"nan", b" ", b"\r", b"9", b".", b"-"])
        found = outcomes(read, monkeypatch, bytes(content), columns, separator=",")
        assert found.count(found[0]) == len(found), (bytes(content), set(found))
        refused += isinstance(found[0], str)
    assert 10 < refused < 40


def test_all_ways_of_reading_leave_out_the_same_columns(read, monkeypatch):
    dice = random.Random(8)
    for _ in range(40):
        n, rows = dice.randint(1, 5), dice.randint(1, 9)
        columns = dice.sample(range(n), dice.randint(1, n))
        cells = [
            [
                repr(dice.gauss(0, 1)) if p in columns else dice.choice(["", "a", "größe", " ", "nan", "1e"])
                for p in range(n)
            ]
            for _ in range(rows)
        ]
        text = ";".join("abcde"[:n]) + "\n" + "".join(";".join(row) + "\n" for row in cells)
        wanted = np.array([[float(row[p]) for p in columns] for row in cells])
        found = outcomes(read, monkeypatch, text, columns, separator=";")
        assert found == [(tuple("abcde"[:n]), wanted.tobytes(), ())] * len(found), text


def test_quoted_tables_against_the_csv_module(read, monkeypatch):
    dice = random.Random(7)
    for _ in range(20):
        rows = [
            ["".join(dice.choice('ab",\n x') for _ in range(dice.randint(1, 6))) + "z", dice.gauss(0, 1)]
            for _ in range(dice.randint(1, 12))
        ]
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator=dice.choice(["\n", "\r\n"])).writerows([["name", "value"], *rows])
        found = outcomes(read, monkeypatch, text.getvalue(), [1], [0], separator=",")
        wanted = np.array([[value] for _, value in rows])
        names = [name.strip(" \t") for name, _ in rows]
        assert found == [(("name", "value"), wanted.tobytes(), (names,))] * len(found)


def test_memory_is_a_few_times_that_of_the_numbers(tmp_path, monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK", 2**16)
    path, row = tmp_path / "data.csv", ",".join(["0.12345678901234567"] * 5)
    path.write_text("a,b,c,d,e\n" + f"{row}\n" * 15_000)
    for fast in (True, False):
        if not fast:
            monkeypatch.setattr(table, "clean", lambda *_: None)
        tracemalloc.start()
        with tables.opened(path) as opened:
            columns = opened.read(range(5))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert columns.numbers.shape == (15_000, 5)
        assert peak < 2.5 * columns.numbers.nbytes + 2**22
