"""Case 34: CSV as spreadsheets write it, in whatever encoding, with whatever dividers and line ends."""

from __future__ import annotations

import io
import random
from pathlib import Path

import pytest

from aiosymphony.errors import JobRefused
from aiosymphony.provisioning.desired import Desired
from aiosymphony.provisioning.sources.code_pages import guess_code_page
from aiosymphony.provisioning.sources.delimited import _Lines
from tests.provisioning.people_files import emails, problems, users, write

HEADER = "email,firstName,lastName\n"
ROWS = HEADER + "ann@acme.com,Zoë,Lee\nbob@acme.com,Bob,Øre\n"
READ = [
    (2, {"email": "ann@acme.com", "firstName": "Zoë", "lastName": "Lee"}),
    (3, {"email": "bob@acme.com", "firstName": "Bob", "lastName": "Øre"}),
]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-le", "utf-16-be", "utf-32-le"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["lf", "crlf", "cr"])
@pytest.mark.parametrize("divider", [",", ";", "\t", "|"])
def test_34_unicode_is_read_with_any_line_end_and_divider(
    tmp_path: Path, encoding: str, end: str, divider: str
) -> None:
    path = write(tmp_path, ROWS.replace("\n", end).replace(",", divider).encode(encoding))
    desired = Desired.read(path, "connect")
    assert users(desired) == READ
    assert desired.read_as is not None
    assert desired.read_as.to_dict()["delimiter"] == divider
    # Only where nothing says it, it is a guess, and told.
    assert bool(desired.read_as.guess) == encoding.endswith(("-le", "-be"))


def test_34_utf_16_of_either_order_with_a_mark(tmp_path: Path) -> None:
    for mark, encoding in ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        assert users(Desired.read(write(tmp_path, mark + ROWS.encode(encoding)), "connect")) == READ


@pytest.mark.parametrize(
    ("encoding", "name"),
    [
        ("cp1252", "Müller"),
        ("cp1252", "Hélène Côté-François"),
        ("cp1250", "Nováková Žaneta Jiří"),
        ("cp1251", "Кузнецов Пётр"),
        ("cp1251", "Безбедов Пётр"),
        ("cp1253", "Παπαδόπουλος"),
    ],
)
def test_34_a_code_page_is_guessed_where_it_leaves_one_answer_and_told(
    tmp_path: Path, encoding: str, name: str
) -> None:
    path = write(tmp_path, f"{HEADER}ann@acme.com,Ann,{name}\n".encode(encoding))
    desired = Desired.read(path, "connect")
    assert [user["lastName"] for _, user in users(desired)] == [name]
    assert desired.read_as is not None
    assert desired.read_as.encoding == encoding.replace("cp12", "windows-12")
    assert any(f"is a guess (it reads {word!r})" in desired.read_as.guess for word in name.replace("-", " ").split())
    assert "say --encoding if it is wrong" in str(desired.read_as)


@pytest.mark.parametrize(
    ("encoding", "text", "told"),
    [
        ("cp1252", "Lefèvre", "'Lefèvre' (windows-1252) or 'Lefčvre' (windows-1250)"),
        ("cp1252", "Sørensen", "'Sørensen' (windows-1252) or 'Sřrensen' (windows-1250)"),
        ("cp1252", "Zoë", "'Zoë' (windows-1252) or 'Zoė' (windows-1257)"),
        ("cp1254", "Yılmaz", "'Yýlmaz' (windows-1252)"),
        ("cp850", "Jürgen", "it may read 'Jürgen' (cp850)"),
        ("cp1255", "דוד", "no code page makes words of it"),
        ("gbk", "张伟", "no code page makes words of it"),
        ("shift_jis", "田中", "is not UTF-8, and it may read"),
        ("koi8-r", "Иванов", "it may read 'Иванов' (koi8-r)"),
    ],
)
def test_34_where_code_pages_differ_nobody_guesses(tmp_path: Path, encoding: str, text: str, told: str) -> None:
    path = write(tmp_path, f"{HEADER}ann@acme.com,Ann,{text}\n".encode(encoding))
    with pytest.raises(JobRefused) as caught:
        Desired.read(path, "connect")
    assert told in str(caught.value)
    assert str(caught.value).endswith("say its encoding by --encoding")
    desired = Desired.read(path, "connect", encoding=encoding)
    assert [user["lastName"] for _, user in users(desired)] == [text]
    assert desired.read_as is not None
    assert (desired.read_as.encoding, desired.read_as.guess) == (encoding, "")


NAMES = {
    "cp1252": "Müller Schäfer Weiß François Hélène Lefèvre Côté Benoît Gaëlle Zoé Noël Chloé Rémy Maïté Muñoz José "
    "Ángel Iñaki João Conceição Antônio Simões Åse Bjørn Sørensen Øystein Håkan Jönsson Ångström Häkkinen Æbelø "
    "Þór Guðrún Sigríður Nicolò Daniël Loïc D’Amélio",
    "cp1250": "Dvořák Novák Černý Procházka Jiří Žaneta Růžena Šťastný Łukasz Wójcik Wałęsa Świętosław Kovács Győző "
    "Szűcs Tóth Ágnes Erdős Đorđević Žižek Ľudovít Štefánik Ďurica Müller",
    "cp1251": "Иванов Пётр Смирнова Анна Кузнецов Ольга Юлия Шевченко Їжак Єва Ґалаґан Јован Љубомир",
    "cp1253": "Παπαδόπουλος Γιώργος Νίκος Αντωνίου Χρήστος Ελένη Άννα Έλλη Ήρα Ίων Όλγα Ύδρα Ώρα",
    "cp1254": "Yılmaz Erdoğan Şahin İpek Çelik Öztürk Işık Ayşe Gökçe",
    "cp1257": "Žydrūnas Bērziņš Kazlauskienė Jõgi Šķēle Ģirts Ąžuolas Jürgen",
    "mac-roman": "Müller Schäfer Hélène François Muñoz José Sørensen Åse João",
    "cp850": "Müller Schäfer Hélène François Muñoz José Sørensen Åse João",
    "cp852": "Dvořák Łukasz Wójcik Kovács Győző Müller",
    "cp1255": "כהן לוי דוד משה",
    "cp1256": "محمد علي أحمد",
    "cp866": "Иванов Пётр Анна Ольга",
    "koi8-r": "Иванов Пётр Анна Ольга",
    "mac-cyrillic": "Иванов Пётр Анна",
    "iso-8859-2": "Dvořák Šťastný Łukasz Żółkiewski",
    "iso-8859-5": "Иванов Пётр Анна",
    "iso-8859-7": "Γιώργος Άννα Ελένη",
    "iso-8859-15": "Müller Hélène Šarić Žižek Œuvre",
    "mac-latin2": "Dvořák Novák Łukasz",
    "mac-greek": "Γιώργος Άννα",
    "mac-turkish": "Yılmaz Erdoğan",
    "gbk": "张伟 李娜 王芳",
    "big5": "陳大文 王小明",
    "shift_jis": "田中太郎 鈴木",
    "euc_kr": "김철수 이영희",
}


@pytest.mark.parametrize("encoding", NAMES)
def test_34_no_guess_reads_a_name_wrongly(encoding: str) -> None:
    # Any few of them, as they stand in a file: right, or not guessed at all.
    chance = random.Random(encoding)
    names = [word for name in NAMES[encoding].split() if not (word := name.encode(encoding, "ignore")).isascii()]
    guessed = 0
    for _ in range(200):
        some = {chance.choice(names) for _ in range(chance.randint(1, 6))}
        guess = guess_code_page(some)
        if guess.name is not None:
            guessed += 1
            for word in some:
                assert word.decode(guess.name) == word.decode(encoding), guess
    # And of these, most are: the rules are not just strict.
    assert guessed >= {"cp1250": 120, "cp1251": 145, "cp1252": 60, "cp1253": 75}.get(encoding, 0)


def test_34_a_company_of_several_languages_is_guessed_all_the_same(tmp_path: Path) -> None:
    names = ["Müller", "Sørensen", "François", "Muñoz", "Þórsson", "Conceição"]
    rows = "".join(f"p{at}@acme.com,Ann,{name}\n" for at, name in enumerate(names))
    desired = Desired.read(write(tmp_path, (HEADER + rows).encode("cp1252")), "connect")
    assert [user["lastName"] for _, user in users(desired)] == names


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be"])
def test_34_a_mark_before_the_header_is_none_of_its_letters(tmp_path: Path, encoding: str) -> None:
    path = write(tmp_path, ("\ufeff" + ROWS).encode(encoding))
    assert users(Desired.read(path, "connect", encoding=encoding)) == READ
    path = write(tmp_path, ("\ufeffsep=,\n" + ROWS).encode(encoding))
    assert len(users(Desired.read(path, "connect", encoding=encoding))) == 2


@pytest.mark.parametrize("asked", ["klingon", "base64", "hex", "rot13", "", "utf-8\0", "undefined"])
def test_34_an_encoding_that_there_is_not(tmp_path: Path, asked: str) -> None:
    with pytest.raises(JobRefused, match=r"there is no encoding .*windows-1252"):
        Desired.read(write(tmp_path, ROWS), "connect", encoding=asked)


def test_34_a_few_bad_bytes_in_utf_8_are_problems_of_their_rows(tmp_path: Path) -> None:
    content = f"{HEADER}ann@acme.com,Zoë,Ng\n".encode() + b"bob@acme.com,B\xf6b,Ray\n"
    desired = Desired.read(write(tmp_path, content), "connect")
    assert (emails(desired), problems(desired)) == (["ann@acme.com"], ["line 3: firstName is not UTF-8"])


def test_34_bytes_that_the_encoding_has_no_letter_for_are_problems_of_their_rows(tmp_path: Path) -> None:
    content = HEADER.encode() + b"ann@acme.com,A\x81n,Lee\nbob@acme.com,B\xf6b,Ray\n"
    desired = Desired.read(write(tmp_path, content), "connect", encoding="windows-1252")
    assert [user["firstName"] for _, user in users(desired)] == ["Böb"]
    assert problems(desired) == [
        "line 2: firstName holds U+FFFD, which stands for a letter that was lost: save the file again, as UTF-8"
    ]


@pytest.mark.parametrize("first", ["sep=;", '"sep=;"', "SEP=;", "\ufeffsep=;"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["lf", "crlf", "cr"])
def test_34_the_line_by_which_excel_says_what_divides_the_cells(tmp_path: Path, first: str, end: str) -> None:
    path = write(tmp_path, end.join([first, "email;first,Name;lastName", "ann@acme.com;Ann;Lee", ""]))
    desired = Desired.read(path, "connect", columns={"first,Name": "firstName"})
    assert users(desired) == [(3, {"email": "ann@acme.com", "firstName": "Ann", "lastName": "Lee"})]


def test_34_the_header_alone_says_what_divides_the_cells(tmp_path: Path) -> None:
    path = write(tmp_path, 'email;"name, first";lastName\nann@acme.com;Ann, B.;Lee\n')
    assert users(Desired.read(path, "connect", columns={"name, first": "firstName"})) == [
        (2, {"email": "ann@acme.com", "firstName": "Ann, B.", "lastName": "Lee"})
    ]


def test_34_a_line_break_in_a_name_of_the_header_is_a_blank(tmp_path: Path) -> None:
    path = write(tmp_path, 'email,"first\r\nName",lastName\r\nann@acme.com,Ann,Lee\r\nbob,Bob,Ray\r\n')
    desired = Desired.read(path, "connect", columns={"first Name": "firstName"})
    assert users(desired) == [(3, {"email": "ann@acme.com", "firstName": "Ann", "lastName": "Lee"})]
    assert problems(desired) == ["line 4: email 'bob' is not an e-mail address"]


def test_34_columns_without_a_name_are_empty_and_last_cells_may_lack(tmp_path: Path) -> None:
    text = (
        "email,,firstName,lastName,title,,\n"
        "ann@acme.com,,Ann,Lee,Analyst,,\n"
        "bob@acme.com,,Bob,Ray\n"
        "cat@acme.com,,Cat,Day,,,,,\n"
        "dan@acme.com,x,Dan,Fox\n"
        "eve@acme.com,,Eve,Fox,,,x\n"
        "flo@acme.com,,Flo\n"
    )
    desired = Desired.read(write(tmp_path, text), "connect")
    assert emails(desired) == ["ann@acme.com", "bob@acme.com", "cat@acme.com", "flo@acme.com"]
    assert problems(desired) == [
        "line 5: has a cell in column 2, which has no name in the header",
        "line 6: has 7 cells where the header has 5",
    ]


def test_34_blank_rows_are_skipped_wherever_they_stand_and_lines_stay_an_editors(tmp_path: Path) -> None:
    text = "\n ,, \n\nemail,firstName,lastName\n\n,,\nann@acme.com,Ann,Lee\n , ,\n\t\nbob,Bob,Ray\n,,\n\n"
    desired = Desired.read(write(tmp_path, text), "connect")
    assert (users(desired)[0][0], problems(desired)) == (7, ["line 10: email 'bob' is not an e-mail address"])


def test_34_a_hundred_thousand_blank_rows_are_read_once_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = 0
    lines = _Lines.__iter__

    def counted(self: _Lines):
        nonlocal read
        for line in lines(self):
            read += 1
            yield line

    monkeypatch.setattr(_Lines, "__iter__", counted)
    desired = Desired.read(write(tmp_path, ROWS + ",,\n" * 100_000), "connect")
    assert (desired.count, desired.bad) == (2, 0)
    assert read < 200_100  # two passes, of which the first looks for samples, and the header once more


def test_34_a_cell_with_a_zero_byte_is_a_problem_of_its_row_and_a_header_with_one_no_header(tmp_path: Path) -> None:
    desired = Desired.read(write(tmp_path, HEADER + "ann@acme.com,A\0n,Lee\nbob@acme.com,Bob,Ray\n"), "connect")
    assert (emails(desired), problems(desired)) == (
        ["bob@acme.com"],
        ["line 2: firstName holds the control character U+0000"],
    )
    with pytest.raises(JobRefused, match="is no file of people: its first line is no text"):
        Desired.read(write(tmp_path, b"\x01\x00\x00\x02email\0,x\n1,2\n"), "connect")


def test_34_a_long_cell_of_a_column_that_is_left_out_is_no_matter(tmp_path: Path) -> None:
    text = f"email,firstName,lastName,photo\nann@acme.com,Ann,Lee,{'x' * 500_000}\n"
    assert Desired.read(write(tmp_path, text), "connect", columns={"photo": None}).count == 1


def test_34_a_quote_that_is_never_closed_is_bounded(tmp_path: Path) -> None:
    # Each line opens a quote that the next one closes, so that the record never ends.
    text = HEADER + 'ann@acme.com,Ann,"\n' + '","\n' * 2_000_000
    with pytest.raises(JobRefused, match="a quote that is opened is not closed within 4 MiB"):
        Desired.read(write(tmp_path, text), "connect")


def test_34_standard_input_is_read_like_a_file(tmp_path: Path) -> None:
    desired = Desired.read(io.BytesIO(ROWS.encode()), "connect")
    assert (users(desired), desired.name) == (READ, "standard input")
    assert desired.digest == Desired.read(write(tmp_path, ROWS), "connect").digest


# What stood there once and is lost.

SPOILT = [
    "#NAME?", "#REF!", "#N/A", "#VALUE!", "#DIV/0!", "#NUM!", "#NULL!", "#SPILL!", "#NV", "#WERT!", "#BEZUG!", "#ZAHL!",
    "#ÜBERLAUF!", "#NOM?", "#VALEUR!", "#NOMBRE!", "#¡VALOR!", "#¿NOMBRE?", "#ИМЯ?", "#Н/Д", "#####", "Err:502",
    "4.479E+11", "4,479E+11", "4.479123e+11", "NULL", "null", "(null)", "<null>", "None", "nan", "NaN", "NaT",
    "undefined", "\\N", "J\ufffdrg",
]  # fmt: skip


@pytest.mark.parametrize("value", SPOILT)
@pytest.mark.parametrize(
    ("kind", "row", "columns"),
    [
        (
            "connect",
            {"email": "ann@acme.com", "firstName": "Ann", "lastName": "Lee"},
            ["firstName", "lastName", "displayName", "phoneNumber", "department", "title", "location", "email"],
        ),
        (
            "pod",
            {"userName": "a", "emailAddress": "a@b.com", "displayName": "A", "firstName": "A", "lastName": "B"},
            ["userName", "displayName", "firstName", "workPhoneNumber", "smsNumber", "assetClasses", "roles",
             "features", "jobFunction", "companyName", "status", "accountType"],
        ),
    ],
)  # fmt: skip
def test_34_spoilt_values_are_refused_with_line_and_column_in_every_column(
    kind: str, row: dict[str, str], columns: list[str], value: str
) -> None:
    for column in columns:
        desired = Desired.of([row | {column: value}], kind)  # type: ignore[arg-type]
        assert [(problem.line, problem.column) for problem in desired.problems()] == [(1, column)]


@pytest.mark.parametrize(
    "name",
    [
        "Null",
        "Nan",
        "Nat",
        "NONE",
        "Nil",
        "#1",
        "1E5",
        "Error",
        "E+1",
        "C#",
        "Hash #Tag!",
        "Ã",
        "SÃO",
        "CORAÇÃO",
        "N/A",
        "none",
    ],
)
def test_34_what_people_and_things_are_called_is_not_spoilt(name: str) -> None:
    row = {"email": "ann@acme.com", "firstName": "Ann", "lastName": name, "title": name}
    assert Desired.of([row], "connect").bad == 0


@pytest.mark.parametrize("name", ["Müller", "François", "Zoë", "Łukasz", "Čapek", "Ångström", "Παπαδόπουλος", "李"])
def test_78_text_that_was_read_in_a_wrong_encoding_is_refused_with_what_it_was(tmp_path: Path, name: str) -> None:
    misread = "".join(bytes([byte]).decode("cp1252", "replace") for byte in name.encode())
    misread = "".join(
        chr(byte) if letter == "\ufffd" else letter for byte, letter in zip(name.encode(), misread, strict=True)
    )
    desired = Desired.of(
        [
            {"email": "ann@acme.com", "firstName": "Ann", "lastName": misread},
            {"email": f"{misread}@acme.com", "firstName": "Ann", "lastName": name},
            {"email": f"{name}@acme.com", "firstName": "Ann", "lastName": name},
        ],
        "connect",
    )
    assert [row.line for row in desired.rows()] == [3]
    told = problems(desired)
    assert [problem.split(" ", 3)[2] for problem in told] == ["lastName", "email"]
    assert told[0] == (
        f"line 1: lastName {misread!r} is {name!r}, which some program took for windows-1252: save it again as UTF-8"
    )
