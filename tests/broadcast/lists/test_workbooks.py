"""Lists that are sheets of a workbook: which cells are understood, and what is refused with which words."""

import csv
import io
import itertools
import re
import zipfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import date, datetime, time
from typing import Any

import pytest
from openpyxl import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from voicecli import manual
from voicecli.broadcast.lists import recipients, sheet as sheet_reader, workbook as workbook_reader
from voicecli.broadcast.lists.recipients import Recipients
from voicecli.broadcast.plan import Plan
from voicecli.calling.script import Script
from voicecli.errors import InvalidInput

ANN = "+33199001234"


def workbook(*rows: Sequence[object], change: Callable[[Worksheet], object] = lambda sheet: None) -> bytes:
    """A workbook with these rows in its only sheet."""
    book = Workbook()
    sheet: Any = book.active
    for row in rows:
        sheet.append(row)
    change(sheet)
    return saved(book)


def saved(book: Workbook) -> bytes:
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def repacked(content: bytes, change: Callable[[str, bytes], bytes | None]) -> bytes:
    """The workbook with its parts changed; a part that becomes None is left out."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            if (part := change(name, old.read(name))) is not None:
                new.writestr(name, part)
    return file.getvalue()


def in_sheet(pattern: str, replacement: str) -> Callable[[str, bytes], bytes]:
    """Changes the XML of the sheet."""

    def change(name: str, part: bytes) -> bytes:
        if not name.endswith("sheet1.xml"):
            return part
        changed = re.sub(pattern, replacement, part.decode())
        assert changed != part.decode()
        return changed.encode()

    return change


def heard(content: bytes, *, voice: str | None = None, **options: Any) -> str:
    """What the first person hears. Raises InvalidInput."""
    plan = Plan(recipients.read(content, **options), Script(source=ANN, text="{x}", voice=voice))
    record = next(iter(plan.recipients))
    plan.number(record)
    plan.validate(record)
    return plan._script_and_text(record)[1] or ""


def formatted(value: object, code: str) -> bytes:
    def change(sheet: Worksheet) -> None:
        sheet["B2"].number_format = code

    return workbook(("phone", "x"), (ANN, value), change=change)


SHOWN = (
    (42, "0000", "0042"),
    (42, "General", "42"),
    (12.5, "General", "12.5"),
    (0.1 + 0.2, "General", "0.3"),
    (331990012345, "General", "331990012345"),
    (1234.5, "#,##0.00", "1,234.50"),
    (999.995, "0.00", "1000.00"),
    (-5, "0.00", "-5.00"),
    (5.25, "0.##", "5.25"),
    (5, "0.##", "5"),
    (1250, '_-* #,##0.00\\ "€"_-;\\-* #,##0.00\\ "€"_-;_-* "-"??\\ "€"_-;_-@_-', "1,250.00 €"),
    (1250, "[$€-407] #,##0", "€ 1,250"),
    (0.256, "0.0%", "25.6%"),
    (202555123, "000-000-0000", "020-255-5123"),
    (199001234, "0#\\ ##\\ ##\\ ##\\ ##", "01 99 00 12 34"),
    (2025550123, "[<=9999999]###\\-####;\\(###\\)\\ ###\\-####", "(202) 555-0123"),
    (123456, "0000\\/00", "1234/56"),
    (5550123, "[<=9999999]###\\-####;\\(###\\)\\ ###\\-####", "555-0123"),
    (5, '[=1]0" day";[>1]0" days";"none"', "5 days"),
    (date(2025, 12, 24), "dd.mm.yyyy", "24.12.2025"),
    (date(2025, 12, 24), "d/m/yy;@", "24/12/25"),
    (datetime(2025, 12, 24, 10, 30), "m/d/yyyy h:mm AM/PM", "12/24/2025 10:30 AM"),  # noqa: DTZ001
    (date(2025, 12, 24), "[$-409]mmmm d, yyyy", "December 24, 2025"),
    (date(2025, 12, 24), '[$-411]yyyy"年"m"月"d"日"', "2025年12月24日"),
    (date(2025, 12, 24), "[$-407]dd/mm/yyyy", "24.12.2025"),
    (date(2025, 12, 24), "[$-nl-NL]dd/mm/yyyy", "24-12-2025"),
    (date(2025, 12, 24), "[$-1010409]m/d/yyyy", "12/24/2025"),
    (date(2025, 12, 24), "[$-409]mmmm", "December"),
    (time(10, 30), "hh:mm", "10:30"),
    (time(0, 5), '[$-407]h "Uhr" mm', "0 Uhr 05"),
    (1.5, "[h]:mm", "36:00"),
    ("  as written\n", "General", "as written"),
    (True, "General", "TRUE"),
)


def all_heard(cases: Sequence[tuple[object, str]], text: str = "{x}") -> list[str]:
    """What each person hears, or why it can't be said; the cells are called B2."""

    def change(sheet: Worksheet) -> None:
        for row, (_, code) in enumerate(cases, 2):
            sheet.cell(row, 2).number_format = code

    rows = [(f"+331990012{place:02}", value) for place, (value, _) in enumerate(cases)]
    plan = Plan(
        recipients.read(workbook(("phone", "x"), *rows, change=change)), Script(source=ANN, text=text)
    )
    said = []
    for record in plan.recipients:
        try:
            plan.validate(record)
            said.append(plan.texts(record)[0])
        except InvalidInput as error:
            said.append(error.message.replace(f"B{record.line} ", "B2 ") if error.hint else "no hint")
    return said


def test_a_cell_says_what_excel_shows() -> None:
    assert all_heard([case[:2] for case in SHOWN]) == [shown for *_, shown in SHOWN]


REFUSED = (
    (date(2025, 12, 24), "mm-dd-yy", "B2 is a date in the format of the computer's region"),
    (date(2025, 12, 24), "[$-F800]dddd, mmmm dd, yyyy", "B2 is a date in the format of the computer's"),
    (
        date(2025, 12, 24),
        "[$-407]d. mmmm yyyy",
        "B2 has a format that can't be read: [$-407]d. mmmm yyyy",
    ),
    (date(2025, 12, 24), "[$-1070000]d/mm/yyyy", "B2 has a format that can't be read"),
    (date(2025, 12, 24), "[$-th-TH,107]d/mm/yyyy", "B2 has a format that can't be read"),
    (time(10, 30), "[$-x-systime]h:mm:ss AM/PM", "B2 is a date in the format of the computer's"),
    (time(10, 30), "[$-C0A]h:mm AM/PM", "B2 has a format that can't be read"),
    (1250.5, "#,##0.--", "B2 has a format that can't be read"),
    (1234, "# ?/?", "B2 has a format that can't be read: # ?/?"),
    (1234, "[<9]0;[>2000]0.0", "B2 has a format that can't be read"),
    (1234, "[<9]0;0;0.0", "B2 has a format that can't be read"),
    (1234, "#,##0,", "B2 has a format that can't be read"),
    (-1, "dd.mm.yyyy", "B2 has a format that can't be read"),
    (10**15, "General", "B2 is 1.00000E+15: Excel made a number of it, and digits are lost."),
    ("#N/A", "General", "B2 is #N/A."),
    ("=1+1", "General", "B2 has a formula without a result."),
)


def test_a_cell_that_can_not_be_said_is_refused_by_its_name_where_it_is_used() -> None:
    cases = [case[:2] for case in REFUSED]
    for message, (*_, problem) in zip(all_heard(cases), REFUSED, strict=True):
        assert message.startswith(problem)
    assert all_heard(cases, "Hello") == ["Hello"] * len(cases)


def test_a_calculated_formula_says_its_result_and_an_empty_result_is_empty() -> None:
    content = workbook(("phone", "x"), (ANN, "=1+1"))
    assert heard(repacked(content, in_sheet("<v ?/>|<v></v>", "<v>2</v>"))) == "2"
    empty = repacked(content, in_sheet('<c r="B2"><f>(.*?)</f><v ?/>', r'<c r="B2" t="str"><f>\1</f><v></v>'))
    with pytest.raises(InvalidInput, match="x is empty"):
        heard(empty)


NUMBERS = (
    (33199001234, "General", ANN),
    (33199001234, "0.00E+00", ANN),
    (33199001234, "#,##0.00", ANN),
    (33199001234, "dd.mm.yyyy", ANN),
    (199001234, "General", ANN),
    (199001234, "[<=9999999]###\\-####;\\(###\\)\\ ###\\-####", ANN),
    ("0199001234", "@", ANN),
    ("'+33199001234", "@", ANN),
    (33200000000, "0.00E+00", "A2 is 3.32E+10: Excel made a number of it, and digits are lost."),
    ("3.32E+10", "General", "'3.32E+10' is a number that Excel shortened: digits are lost."),
    (date(2025, 2, 1), "dd.mm.yyyy", "A2 is a date or a time, 01.02.2025: Excel made it one."),
    ("#REF!", "General", "A2 is #REF!."),
)


def test_numbers_that_excel_changed_are_called_where_all_digits_are_there() -> None:
    def change(sheet: Worksheet) -> None:
        for row, (_, code, _) in enumerate(NUMBERS, 2):
            sheet.cell(row, 1).number_format = code

    content = workbook(("phone", "x"), *((value, "Ann") for value, *_ in NUMBERS), change=change)
    plan = Plan(recipients.read(content), Script(source=ANN, text="Hello"), region="FR")
    found = []
    for record in plan.recipients:
        try:
            found.append(plan.number(record))
        except InvalidInput as error:
            found.append(error.message.replace(f"A{record.line} ", "A2 "))
    assert found == [called for *_, called in NUMBERS]


def test_repaired_numbers_are_told() -> None:
    found = recipients.read(workbook(("phone", "x"), (ANN, 331990012345), ("+33199001235", 123456789012)))
    assert found.notes == ["Excel shows 2 numbers in short, B2 first: read with all digits."]


@pytest.mark.parametrize(
    ("voice", "amount"),
    [
        ("en-US-ZiraRUS", "1,250.50"),
        ("de-DE-Hedda", "1250,50"),
        ("de-CH-Leni", "1,250.50"),
        ("arb-Zeina", "1,250.50"),
    ],
)
def test_an_amount_has_the_decimal_mark_of_the_voice(voice: str, amount: str) -> None:
    assert heard(formatted(1250.5, "#,##0.00"), voice=voice) == amount


@pytest.mark.parametrize(
    ("voice", "code", "shown"),
    [
        ("de-DE-Hedda", "dd/mm/yyyy;@", "24.12.2025"),
        ("nl-BE-Dena", "dd/mm/yyyy", "24/12/2025"),
        ("nl-NL-Hanna", "dd/mm/yyyy h:mm", "24-12-2025 10:30"),
        ("en-GB-Susan", "dd/mm/yyyy", "24/12/2025"),
        ("de-DE-Hedda", "m/d/yyyy", "12/24/2025"),
        ("de-DE-Hedda", "dd\\/mm\\/yyyy", "24/12/2025"),
        ("de-DE-Hedda", "[$-40C]dd/mm/yyyy", "24/12/2025"),
    ],
)
def test_a_date_has_the_mark_of_the_voice_where_the_computer_s_region_has_it(
    voice: str, code: str, shown: str
) -> None:
    """Excel writes its own, whatever it is, as a slash."""
    assert heard(formatted(datetime(2025, 12, 24, 10, 30), code), voice=voice) == shown  # noqa: DTZ001


def read(content: bytes, **options: Any) -> list[tuple[int, Sequence[str]]]:
    return [(record.line, record.values) for record in recipients.read(content, **options)]


def test_lines_are_rows_and_titles_gaps_and_columns_without_a_name_do_no_harm() -> None:
    content = workbook(
        (),
        (None, "Appointments"),
        (None, "as of today"),
        (),
        (None, "Phone\nnumber", None, "Name"),
        (None, ANN, "a note", "Ann"),
        (),
        (None, "+33199001235", None, "Bob", None, "another"),
        change=lambda sheet: sheet.merge_cells("B2:D2"),
    )
    found = recipients.read(content)
    assert (found.columns, found.unit) == (("Phone number", "Name"), "row")
    assert [(record.line, record.values) for record in found] == [
        (6, [ANN, "Ann"]),
        (8, ["+33199001235", "Bob"]),
    ]
    assert found.at(8).values[1] == "Bob"
    assert found.at(6).values[1] == "Ann"


def test_a_column_of_numbers_needs_no_heading() -> None:
    found = recipients.read(workbook((ANN,), ("+33199001235",)))
    assert (found.columns, [record.line for record in found]) == (("phone",), [1, 2])
    assert recipients.read(workbook(("Numbers",), (ANN,))).columns == ("Numbers",)


def test_cells_without_places_and_sheets_without_a_size_are_read() -> None:
    """So other programs write them, with their texts in the cells."""
    content = workbook(("phone", "name"), (ANN, "Ann"))
    inline = '<c t="inlineStr"><is><t>phone</t></is></c><c t="inlineStr"><is><t>name</t></is></c>'
    row = f"<row>{inline}</row><row>{inline.replace('phone', ANN).replace('name', 'Ann_x000D_')}</row>"
    bare = repacked(content, in_sheet("<dimension[^>]*>", ""))
    assert read(repacked(bare, in_sheet("<row.*</row>", row))) == [(2, [ANN, "Ann"])]


def two_sheets() -> Workbook:
    book = Workbook()
    first, second = book.active, book.create_sheet("Old people")
    assert first is not None
    first.title = "People"
    for sheet, number in ((first, ANN), (second, "+33199001235")):
        sheet.append(("phone",))
        sheet.append((number,))
    return book


def test_the_first_visible_sheet_is_read_or_the_one_that_is_named() -> None:
    book = two_sheets()
    assert read(saved(book)) == [(2, [ANN])]
    assert "--sheet reads another: 'Old people'" in recipients.read(saved(book)).notes[0]
    assert read(saved(book), sheet="old PEOPLE ") == [(2, ["+33199001235"])]
    with pytest.raises(InvalidInput, match="no sheet 'Old peple'; the nearest is 'Old people'") as refused:
        read(saved(book), sheet="Old peple")
    assert "'People', 'Old people'" in refused.value.hint
    book.worksheets[0].sheet_state = "hidden"
    assert read(saved(book)) == [(2, ["+33199001235"])]
    with pytest.raises(InvalidInput, match="for a workbook"):
        read(b"phone\n1\n", sheet="People")


def test_hidden_and_filtered_rows_are_refused_unless_they_are_wanted() -> None:
    def hide(sheet: Worksheet) -> None:
        for row in (3, 5):
            sheet.row_dimensions[row].hidden = True

    numbers = [(f"+3319900123{digit}",) for digit in range(4)]
    content = workbook(("phone",), *numbers, change=hide)
    with pytest.raises(
        InvalidInput, match="2 rows of the sheet can't be seen, hidden or filtered out: 3, 5"
    ) as refused:
        read(content)
    assert "--hidden" in refused.value.hint
    assert [line for line, _ in read(content, hidden=True)] == [2, 3, 4, 5]
    assert len(recipients.read_all(content)) == 4


def macros(name: str, part: bytes) -> bytes:
    return (
        part.replace(b"sheet.main+xml", b"sheet.macroEnabled.main+xml")
        if name.startswith("[Content")
        else part
    )


def billion_laughs(name: str, part: bytes) -> bytes:
    if not name.endswith("sheet1.xml"):
        return part
    entities = "".join(f'<!ENTITY l{n + 1} "{f"&l{n};" * 10}">' for n in range(12))
    doctype = f'<!DOCTYPE worksheet [<!ENTITY l0 "laugh">{entities}]>'
    return (doctype + part.decode().replace("Ann", "&l12;")).encode()


EXTERNAL_ENTITY = b'<!DOCTYPE sst [<!ENTITY it SYSTEM "file:///etc/hostname">]>'


def with_shared_strings(name: str, part: bytes) -> bytes:
    """As Excel writes its texts: apart, and once each."""
    if name.startswith("[Content"):
        kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
        shared = f'<Override PartName="/xl/sharedStrings.xml" ContentType="{kind}"/></Types>'
        return part.replace(b"</Types>", shared.encode())
    return re.sub(rb't="inlineStr"><is><t>Ann</t></is>', b't="s"><v>0</v>', part)


def shared(content: bytes, strings: bytes) -> bytes:
    file = io.BytesIO(repacked(content, with_shared_strings))
    with zipfile.ZipFile(file, "a") as changed:
        changed.writestr("xl/sharedStrings.xml", strings)
    return file.getvalue()


GOOD = workbook(("phone", "name"), (ANN, "Ann"))
SST = b'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">%s</sst>'


def test_shared_texts_are_read_as_they_are_formatted_or_not() -> None:
    parts = b"<si><r><t>An</t></r><r><rPr><b/></rPr><t>n</t></r><rPh sb='0' eb='1'><t>x</t></rPh></si>"
    assert read(shared(GOOD, SST % parts)) == [(2, [ANN, "Ann"])]


def strict(name: str, part: bytes) -> bytes:
    return part.replace(b"http://schemas.openxmlformats.org/", b"http://purl.oclc.org/ooxml/")


def without_a_style(name: str, part: bytes) -> bytes:
    """A name for a style that is not there: openpyxl prints that."""
    if not name.endswith("styles.xml"):
        return part
    return re.sub(rb'(<cellStyle [^>]*xfId=")0"', rb'\g<1>9"', part)


def only_a_chart() -> bytes:
    book = Workbook()
    book.create_chartsheet()
    assert book.active is not None
    book.remove(book.worksheets[0])
    return saved(book)


def ole(*names: str) -> bytes:
    return bytes.fromhex("d0cf11e0a1b11ae1") + b"".join(name.encode("utf-16-le") for name in names)


def archive(name: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        made.writestr(name, "x")
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (repacked(GOOD, macros), "has macros"),
        (repacked(GOOD, strict), "Strict Open XML"),
        (only_a_chart(), "no sheet with cells"),
        (repacked(GOOD, billion_laughs), "damaged"),
        (repacked(GOOD, without_a_style), "damaged"),
        (shared(GOOD, EXTERNAL_ENTITY + SST % b"<si><t>&it;</t></si>"), "damaged"),
        (shared(GOOD, SST % b""), "damaged"),
        (repacked(GOOD, lambda name, part: None if name.endswith("workbook.xml") else part), "damaged"),
        (repacked(GOOD, lambda name, part: part[:-20] if name.endswith("sheet1.xml") else part), "damaged"),
        (repacked(GOOD, in_sheet('r="2"', 'r="99999999999"')), "damaged"),
        (GOOD[: len(GOOD) // 2], "damaged"),
        (ole("EncryptedPackage"), "encrypted with a password"),
        (ole("Workbook"), "of Excel 97 to 2003"),
        (ole("WordDocument"), "no workbook"),
        (archive("content.xml"), "OpenDocument"),
        (archive("xl/workbook.bin"), "Binary Workbook"),
        (archive("photo.jpg"), "an archive"),
        (workbook(), "empty"),
        (workbook(("phone", "name")), "empty"),
        (workbook((ANN, "Ann")), "no heading"),
        (workbook(("phone", "phone"), (ANN, ANN)), "two columns"),
    ],
)
def test_what_is_no_sound_workbook_is_refused_in_words(
    content: bytes, words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(InvalidInput, match=words) as refused:
        read(content)
    assert refused.value.hint
    assert capfd.readouterr() == ("", "")


def test_a_workbook_that_unpacks_to_a_gigabyte_is_refused_before_it_is_unpacked() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("[Content_Types].xml", "x")
        bomb.writestr("xl/sharedStrings.xml", "x")
    content = bytearray(file.getvalue())
    entry = content.rindex(b"PK\1\2")
    content[entry + 24 : entry + 28] = (1 << 30).to_bytes(4, "little")  # the size that the directory tells
    with pytest.raises(InvalidInput, match="more than 1 GiB"):
        read(bytes(content))


@pytest.mark.soak
def test_formats_that_are_much_more_than_any_list_has_are_refused() -> None:
    """Their XML takes 25 times its size in memory."""
    more = b" " * (1 << 25)
    bomb = repacked(workbook(["phone"], [ANN]), lambda name, part: part + more * name.endswith("styles.xml"))
    with pytest.raises(InvalidInput, match="more than 32 MiB of formats"):
        read(bomb)


@pytest.mark.soak
def test_a_row_of_more_cells_than_any_list_has_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """With ten millions of empty ones, a file of 40 kB would take gigabytes."""
    rows = workbook(("phone", "x"), *[(ANN, place) for place in range(1_000)])
    monkeypatch.setattr(workbook_reader, "MAX_ROW", 1_000_000)
    assert len(read(rows)) == 1_000  # it is about each row
    with pytest.raises(InvalidInput, match="longer than any list needs"):
        read(repacked(rows, in_sheet("</sheetData>", f'<row r="2000">{"<c/>" * 5_000}</row></sheetData>')))


def test_a_sheet_that_is_much_more_text_than_file_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A row with one cell is a text of as many columns as the heading has."""
    monkeypatch.setattr(sheet_reader, "MAX_UNPACKED", 10_000)
    with pytest.raises(InvalidInput, match="more than 1 GiB of text"):
        read(workbook(["phone", *(f"c{number}" for number in range(1_000))], [ANN], [ANN], [ANN], [ANN]))


@pytest.mark.parametrize("state", ["visible", "hidden"])
def test_of_people_who_are_not_called_no_sheet_is_missed(state: str) -> None:
    book = Workbook()
    del book["Sheet"]
    for name, number in (("2025", ANN), ("2026", "+33199001235")):
        page = book.create_sheet(name)
        page.append(("phone",))
        page.append((number,))
    page.sheet_state = state
    with pytest.raises(InvalidInput, match=r"2 sheets .* only one would be read: '2025', '2026'"):
        recipients.read_all(saved(book))
    del book["2026"]
    assert [record.values for record in recipients.read_all(saved(book))] == [[ANN]]


def as_list(found: Recipients) -> tuple[bytes, str]:
    return found.digest, found.lines_digest


def test_a_list_that_was_saved_anew_is_the_same() -> None:
    rows = (("phone", "name"), (ANN, "Ann"), ("+33199001235", "Bob"))
    ours = as_list(recipients.read(b"phone,name\n+33199001234,Ann\n+33199001235,Bob\n"))
    assert (
        as_list(
            recipients.read(b'\xef\xbb\xbf"phone";"name"\r\n+33199001234;Ann\r\n+33199001235;Bob\r\n\r\n')
        )
        == ours
    )
    assert as_list(recipients.read(workbook(*rows))) == ours
    assert recipients.read(b"sep=;\nphone;name\n+33199001234;Ann\n+33199001235;Bob\n").digest == ours[0]
    others = (
        b"phone,name\n+33199001234,Ann\n+33199001235,Bert\n",
        b"phone,name\n+33199001235,Bob\n+33199001234,Ann\n",
        b"phone,what\n+33199001234,Ann\n+33199001235,Bob\n",
        b"phone,name\n+33199001234,Ann\n",
        b"phone,name\n+33199001234,Ann\n+33199001235,Bob,too much\n",  # of which the rest can't be read
    )
    assert ours[0] not in {recipients.read(other).digest for other in others}


def manual_table(heading: str) -> list[list[str]]:
    """The rows of the table in the manual that begins so."""
    lines = iter(manual.page("lists").splitlines())
    next(line for line in lines if line.startswith(f"| {heading} |"))
    next(lines)
    rows = itertools.takewhile(lambda line: line.startswith("|"), lines)
    return [[cell.strip().strip("`") for cell in line.strip("|").split(" | ")] for line in rows]


def typed(text: str) -> object:
    """What Excel makes of what is typed into a cell."""
    for read in (int, float, date.fromisoformat, time.fromisoformat):
        with suppress(ValueError):
            return read(text)
    return text


def test_cells_are_understood_as_the_manual_says() -> None:
    rows = manual_table("in the cell")
    for said, (*_, shown) in zip(
        all_heard([(typed(value), code) for value, code, _ in rows]), rows, strict=True
    ):
        assert said.startswith("B2 ") if shown.startswith("refused") else said == shown


def test_what_excel_left_in_a_csv_is_understood_as_the_manual_says() -> None:
    rows = manual_table("in the CSV")
    file = io.StringIO()
    csv.writer(file).writerows([("phone", "x"), *((written, "1") for written, _ in rows)])
    plan = Plan(recipients.read(file.getvalue().encode()), Script(source=ANN, text="Hello"), region="FR")
    for record, (_, understood) in zip(plan.recipients, rows, strict=True):
        if understood.startswith("refused"):
            with pytest.raises(InvalidInput, match="digits are lost"):
                plan.number(record)
        else:
            assert plan.number(record) == understood
