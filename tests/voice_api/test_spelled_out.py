"""Codes for the ear: what is plainly a code is spelled out, whole, and nothing else is touched."""

import re
from datetime import date, timedelta
from random import Random

import pytest
from hypothesis import Phase, given, settings, strategies as st
from soak import share_of

from voicecli import manual
from voicecli.voice_api.spelled_out import pause_after, spell_codes, spell_out


def rows(heading: str) -> list[list[str]]:
    """The cells of the manual's table with this heading."""
    _, found, table = manual.page("texts").partition(f"\n{heading}\n")
    assert found
    return [line.strip("| ").split(" | ") for line in table.split("\n\n")[0].splitlines()[1:]]


def code(cell: str) -> str:
    return cell.strip().removeprefix("`").removesuffix("`")


@pytest.mark.parametrize(("value", "said"), rows("| value | is said as |"))
def test_a_value_is_spelled_out_as_the_manual_says(value: str, said: str) -> None:
    assert spell_out(code(value)) + pause_after("")[0] == code(said)


@pytest.mark.parametrize(("text", "said"), rows("| text | is said as |"))
def test_a_code_in_a_text_is_spelled_out_as_the_manual_says(text: str, said: str) -> None:
    assert spell_codes(code(text)) == code(said)


@pytest.mark.parametrize(("texts", "_why"), rows("| text | because it is |"))
def test_what_is_no_code_stays_as_the_manual_says(texts: str, _why: str) -> None:
    for text in re.findall("`([^`]+)`", texts):
        assert spell_codes(f"It is {text}.") == f"It is {text}."
        assert spell_codes(f"{text}, thanks") == f"{text}, thanks"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", ""),
        ("Code:1234", "Code: 1, 2, 3, 4;"),  # not :1, and not .1
        ("Nr.1234...", "Nr. 1, 2, 3, 4;"),
        ('("AB12").', '("A, B, 1, 2;").'),
        ("1234입니다", "1, 2, 3, 4; 입니다"),
        ("１２３４", "１, ２, ３, ４;"),
        ("1234 am Montag", "1, 2, 3, 4; am Montag"),  # German, and no time
        ("1234 s'il vous plaît", "1, 2, 3, 4; s'il vous plaît"),
        ("1234 50 EUR", "1, 2, 3, 4; 50 EUR"),
        ("1234 10:30", "1, 2, 3, 4; 10:30"),
        ("1234 1 March 2026 5678", "1, 2, 3, 4; 1 March 2026 5, 6, 7, 8;"),
        ("+33199001234. 5678", "+33199001234. 5, 6, 7, 8;"),
        ("Tel+33 199001234, US$1250", "Tel+33 199001234, US$1250"),
        ("DE89 3704 0044", "D, E, 8, 9; 3, 7, 0, 4, 0, 0, 4, 4;"),
        ("4711M, 4711 m", "4, 7, 1, 1, M; 4711 m"),
        ("**1234**", "**1, 2, 3, 4;**"),
        ("AB12.CD34 AB12:CD34 x@1234 1.5-2000", "AB12.CD34 AB12:CD34 x@1234 1.5-2000"),
        ("A, B, 1, 2; 3 4", "A, B, 1, 2; 3 4"),  # spelled out already
        ("123\u2011456 AB\u201012 １２－３４", "1, 2, 3, 4, 5, 6; A, B, 1, 2; １, ２, ３, ４;"),  # hyphens
        ("＋33199001234", "＋33199001234"),
        ("(020) 7946 0018 (030)901820", "0, 2, 0, 7, 9, 4, 6, 0, 0, 1, 8; 0, 3, 0, 9, 0, 1, 8, 2, 0;"),
        ("(01) 10:30 (02) 1250 EUR (03) 12 March", "(01) 10:30 (02) 1250 EUR (03) 12 March"),
        ("1234 Fr. Meier", "1, 2, 3, 4; Fr. Meier"),  # German: Mrs
    ],
)
def test_a_code_is_told_from_what_stands_beside_it(text: str, said: str) -> None:
    assert spell_codes(text) == said


@pytest.mark.parametrize(
    "amount",
    "Fr. 1250|SFr 1250|1250 Fr.|RM 1250|RM50|Rp5000|kr 1250|₱1250|₪ 1250|P1,250|R12,500.00|1000 miles".split(
        "|"
    ),
)
def test_an_amount_is_no_code(amount: str) -> None:
    for text in (amount, f"It is {amount}, thanks", f"{amount} pro Monat"):
        assert spell_codes(text) == text


def test_a_letter_keeps_its_accent() -> None:
    assert spell_out("e\u0301\u200b-1") == "e\u0301, 1"
    assert spell_out("- / \u200b") == ""


def test_a_character_is_said_whatever_else_is_in_the_code() -> None:
    for character in map(chr, range(128)):
        assert spell_out(f"{character}é") == ", ".join(filter(None, (spell_out(character), "é")))


# -- many texts --------------------------------------------------------------------------------------

MONTHS = {
    "en": "January February March April May June July August September October November December",
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "it": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
}
SENTENCES = {
    "en": ("Your code is {}.", "Please dial {} now", "{}, thank you", "Is it {}?", "Anna: {}; on Monday"),
    "de": ("Ihr Code ist {}.", "{} am Montag, bitte", "Wählen Sie {}!", "um {} oder später", "({}) Anna"),
    "fr": ("Le code est {}.", "{} s'il vous plaît", "Est-ce {} ?", "à {} à la gare", "« {} », merci"),
    "es": ("Su código es {}.", "Marque {} y espere", "¿Es {}?", "{} a las diez", "el {}: gracias"),
    "it": ("Il codice è {}.", "Chiami {} adesso", "{}, grazie", "alle {} o dopo", '"{}" per favore'),
}
UNITS = {
    "en": "euros dollars pounds percent minutes hours days metres",
    "de": "Euro Franken Prozent Minuten Stunden Tage Meter",
    "fr": "euros francs pourcent minutes heures jours mètres",
    "es": "euros pesos minutos horas días metros",
    "it": "euro franchi minuti ore giorni metri",
}
SHORT_MONTHS = {  # as Excel writes them
    "en": "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec",
    "de": "Jan Feb Mrz Apr Mai Jun Jul Aug Sep Okt Nov Dez",
    "fr": "janv févr mars avr mai juin juil août sept oct nov déc",
    "es": "ene feb mar abr may jun jul ago sept oct nov dic",
    "it": "gen feb mar apr mag giu lug ago set ott nov dic",
}
DATES = (
    "{d}.{m}.{y}", "{d:02}.{m:02}.{y}", "{d:02}.{m:02}.{yy:02}", "{d}/{m}/{y}", "{m:02}/{d:02}/{yy:02}",
    "{y}-{m:02}-{d:02}", "{d:02}-{m:02}-{y}", "{y}-{m:02}-{d:02}T10:30:00Z", "{m:02}/{y}", "{name} {y}",
    "{d:02}-{m:02}-{yy:02}", "{d} {name} {y}", "{d}. {name} {y}", "{name} {d}, {y}", "{d} de {name} de {y}",
    "{d}er {name} {y}", "{d:02} {m:02} {y}",
    "{d} {short} {y}", "{d}. {short}. {y}", "{d:02}-{short}-{yy:02}", "{short} {y}",
)  # fmt: skip
TIMES = (
    "{h}:{n:02}", "{h:02}.{n:02}", "{h}:{n:02} am", "{h}h{n:02}", "{h} h {n:02}", "{h:02}:{n:02} Uhr", "{h}h",
    "{h:02}{n:02} Uhr", "{h:02}:{n:02}:59", "{h}:{n:02}-23:59", "10-{h} Uhr", "{k}{n:02}pm", "{k}am",
    "9-{k} am", "{h:02}{n:02} hrs",
)  # fmt: skip
AMOUNTS = (
    "{marked}.50", "€{a}", "{a} €", "{a} EUR", "CHF {a}", "USD{a}", "${marked}", "{a},-", "{a} %",
    "£{marked}.99", "{marked} €", "CHF {marked}",
    "{a}-{b} EUR", "{a} {unit}", "{b} {unit}", "10-{b} {unit}", "{b},5 {unit}", "{a} kWh", "{a}kg",
)  # fmt: skip
PHONES = (
    "+33 1 99 00 {x:02} {z:02}", "+331990012{x:02}", "+44 (0)20 7946 0{x:02}{z}", "+1-202-555-01{x:02}",
    "+49 30 23125 1{x:02}", "+39 06 1234 {x:02}{z:02}", "+1 (202) 555-01{x:02}", "+33.1.99.00.{x:02}.12",
)  # fmt: skip

LETTERS = "BCDFGJKLMNPQRSTVWX"  # 12H30 could be a time, 12MAR and 12MRZ a date


def a_date(random: Random, language: str) -> str:
    day = date(1990, 1, 1) + timedelta(random.randrange(25_000))
    name, short = (names[language].split()[day.month - 1] for names in (MONTHS, SHORT_MONTHS))
    numbers = {"d": day.day, "m": day.month, "y": day.year, "yy": day.year % 100}
    return random.choice(DATES).format(name=name, short=short, **numbers)


def a_time(random: Random, _language: str) -> str:
    hour, minute = random.randrange(24), random.randrange(60)
    return random.choice(TIMES).format(h=hour, n=minute, k=hour % 12 + 1)


def an_amount(random: Random, language: str) -> str:
    form, amount = random.choice(AMOUNTS), random.randrange(1000, 10_000_000)
    written = f"{amount:,}".replace(",", random.choice([",", ".", "'", " ", "\u00a0", "\u202f"]))
    unit, some = random.choice(UNITS[language].split()), random.randrange(20, 1000)
    return form.format(a=amount, marked=written, b=some, unit=unit)


def a_phone_number(random: Random, _language: str) -> str:
    return random.choice(PHONES).format(x=random.randrange(100), z=random.randrange(100))


def a_code(random: Random, _language: str) -> str:
    def letters(most: int) -> str:
        return "".join(random.choices(LETTERS, k=random.randint(1, most)))

    def digits(least: int, most: int) -> str:
        return "".join(random.choices("0123456789", k=random.randint(least, most)))

    def grouped(groups: int, size: int) -> str:
        return random.choice(" -").join(digits(size, size) for _ in range(groups))

    mixed = letters(3) + digits(1, 3) + letters(3) + digits(0, 4)
    return random.choice(
        (
            mixed,
            mixed.lower(),
            digits(1, 3) + letters(3) + digits(1, 3),
            f"{letters(4)}-{digits(1, 5)}",
            f"{mixed}-{digits(2, 4)}-{letters(2)}",
            digits(4, 12),
            str(random.randrange(1990, 2060)),  # a year that stands alone
            grouped(4, 2),
            grouped(2, 4),
            grouped(2, 3),
            grouped(3, 3),
        )
    )


def check_texts(random: Random, count: int) -> None:
    """Each is a sentence with what is plainly no code, and one with a code."""
    for _ in range(count):
        language = random.choice([*MONTHS])
        no_code = random.choice((a_date, a_time, an_amount, a_phone_number))(random, language)
        start = f"{random.choice(SENTENCES[language]).format(no_code)} Anna. "
        before, after = random.choice(SENTENCES[language]).split("{}")
        code = a_code(random, language)
        said = spell_codes(f"{start}{before}{code}{after}")
        assert SPELLED.sub("", said) == f"{start}{before}{after.lstrip('.,:;')}", (no_code, code, said)
        assert read_back(said) == [characters(code)], said


SPELLED = re.compile(r"(?:[^\W_], )+[^\W_](?:;|(?=[?!]))")


def characters(text: str) -> str:
    return re.sub(r"[\W_]", "", text)


def read_back(text: str) -> list[str]:
    """The codes that are heard: the inverse of spelling out."""
    return [characters(found) for found in SPELLED.findall(text)]


@settings(max_examples=5, deadline=None, phases=[Phase.generate])  # to shrink a text takes minutes
@given(st.randoms())
def test_every_code_is_whole_and_nothing_else_is_touched(random: Random) -> None:
    check_texts(random, 10)


@pytest.mark.soak
@settings(max_examples=share_of(400), deadline=None, phases=[Phase.generate])
@given(st.integers())
def test_in_200_000_texts_every_code_is_whole_and_nothing_else_is_touched(seed: int) -> None:
    check_texts(Random(seed), 500)
