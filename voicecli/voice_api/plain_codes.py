"""Finds what is plainly a code in a text: mixes of letters and digits, and digits that are four and more or
grouped by blanks or hyphens, and are no amount, time, date, address or phone number with +.

The manual's page "texts" has a table. Words that tell an amount or a date are those of English, German,
French, Spanish and Italian, and where no sentence gets another sense by it, of some languages more.
"""

import re
from collections.abc import Iterator
from functools import cache

_MONTH_NAMES = """
    january february march april may june july august september october november december
    jan feb mar apr jun jul aug sept sep oct nov dec
    januar jänner februar märz mai juni juli oktober dezember okt dez
    janvier février fevrier mars avril juin juillet août aout septembre octobre novembre décembre decembre
    enero febrero marzo abril mayo junio julio agosto septiembre setiembre octubre noviembre diciembre
    gennaio febbraio aprile maggio giugno luglio settembre ottobre dicembre
    janeiro fevereiro março maio junho julho setembro outubro novembro dezembro
    januari februari maart mei augustus
    mrz mär janv févr fevr fév avr juil déc ene abr ago dic gen mag giu lug set ott
"""
_CURRENCIES = """
    EUR USD GBP CHF JPY CNY SGD HKD AUD CAD NZD INR IDR MYR PHP THB VND KRW TWD SEK NOK DKK PLN CZK HUF RON
    AED SAR ILS ZAR BRL MXN
"""
_UNITS = """
    euros? dollars? pounds? pence cents? francs? franken rappen livres? pesos? dólares libras dollari sterline
    franchi yen yuan rupees? baht kronen kr zł percent prozent pourcent
    hours? hrs? minutes? min seconds? sec days? weeks? months? years?
    uhr stunden std minuten sekunden sek tagen? wochen? monaten? jahren?
    heures? secondes? jours? semaines? mois ans années
    horas? minutos? segundos? días? semanas? meses años
    ore minuti secondi giorni settimane mesi anni
    kilomet(?:er|re)s? met(?:er|re)s? metern mètres? metros? metri
    km/h km cm mm kg mg ml kwh kw mb gb tb miles? ft feet
"""
_BEFORE_AMOUNTS = "Rs|Rp|RM|Php|S?Fr|kr"  # as some write their currency
_PLAIN = dict.fromkeys(map(ord, "‐‑－"), "-") | {ord("＋"): "+"}
_DIGIT = re.compile(r"\d")


def find_codes(text: str) -> Iterator[re.Match[str]]:
    """From the left. Nothing is found in a part of a word, a number or an address."""
    if not text.isascii():
        text = text.translate(_PLAIN)  # it stays as long as it is
    place = 0
    while digit := _DIGIT.search(text, place):
        # What tells what digits are begins at most two words before them: March the 1st, CHF 1250.
        start = digit.start()
        for _ in range(3):
            start = text.rfind(" ", place, max(start, place))
        found = _pattern().search(text, max(start, place))
        if found is None:
            return
        place = found.end()
        if found.lastgroup == "mix" or (found.lastgroup == "digits" and _is_long(found[0])):
            yield found


def _is_long(digits: str) -> bool:
    """9-5 and 7 12 are no codes."""
    groups = re.findall(r"\d+", digits)
    return len(groups) > 2 or sum(map(len, groups)) >= 4


@cache
def _pattern() -> re.Pattern[str]:
    """Takes a text to pieces from the left, and looks at none of them again: first what is no code by its
    kind, then codes, which are groups of the names mix and digits. It takes some 20 ms to make."""
    letter = "A-Za-zÀ-ÖØ-öø-ɏͰ-ϿЀ-ԯ"  # of scripts that put blanks between words
    word, blank, mark = rf"[{letter}\d]", "[ \u00a0\u2009\u202f]", r"[./_:@\\&=%~'’]"
    day, month, year = "(?:0?[1-9]|[12][0-9]|3[01])", "(?:0?[1-9]|1[0-2])", "(?:19|20)[0-9]{2}"
    month_name = rf"(?i:{_any(_MONTH_NAMES)})(?![{letter}])\.?"
    sign, currency = "[$£¥฿\u20a0-\u20cf]", rf"(?:{_any(_CURRENCIES)})(?![{letter}])"
    word_of_unit = rf"(?:{currency}|S?Fr\.?+(?! [A-Z])|[ghlm]|(?i:{_any(_UNITS)}))"
    unit = rf"{blank}?(?:[%‰°年년円元圓원]|{sign}|{word_of_unit}(?![’']|{word}))"
    number = rf"(?:\d{{1,3}}(?:{blank}\d{{3}})++(?!{blank}?\d)|\d++)(?:[.,'’]\d++)*+"
    amount = rf"{number}(?:-{number})?"
    in_month = (  # March 2026, March 1, 2026, Mar-26
        rf"{month_name}(?:[ ,-]+(?:the )?{day}(?:st|nd|rd|th)?(?!{word}))?"
        rf"(?:(?:[ ,-]*(?:del? )?{year}|-?[0-9]{{2}})(?!{word}))?"
    )
    begin_with_digit = (
        # dates
        rf"(?:{year}-{month}(?:-{day})?(?:T[0-9]{{2}}:?[0-9]{{2}}[0-9:.,+-]*Z?)?|{month}-{year})(?!-?{word})",
        rf"(?:(?:{day}-{month}|{month}-{day})-(?:{year}|[0-9]{{2}})|[0-9]{{2}}-{month}-{day})(?!-?{word})",
        rf"(?:(?:{day} {month}|{month} {day}) {year}|{year} {month} {day})(?!-?{word})",
        rf"{day}(?:st|nd|rd|th|er|[.ºª])?,?[ -]?(?:(?:de|of|di) |d['’])?{in_month}",
        # times
        rf"(?:[01]?[0-9]|2[0-4]){blank}?[hH](?:{blank}?[0-5][0-9])?(?!{word})",
        rf"(?:[0-9]{{1,2}}-[0-9]{{1,2}}{blank}?|[0-9]{{1,4}})[apAP]\.?[mM](?!{word})",
        # amounts and other numbers
        rf"{amount}{unit}",
        rf"(?:\d{{1,2}}(?: \d{{3}})++|\d{{1,3}}(?:[\u00a0\u2009\u202f]\d{{3}})++)(?!{blank}?\d|{word})",
        r"\d++(?:[.,:/'’·٫٬]\d++)++",
        r"\d++[.,][-–—]+(?!\d)",
        rf"\d++(?:st|nd|rd|th|ers?|re|ère|e|è?me|te[nrs]?|s|x|[ºª])(?!{word})",
    )
    mixed = rf"(?:(?:\d++[{letter}]|[{letter}]++\d){word}*+|\d++|[A-Z]{{1,4}})(?!{word})"
    more_digits = rf"[ \u00a0-]\d++(?!{word}|[.:/]\d|{unit}|{blank}{month_name})"
    area_code = rf"\(0\d{{1,4}}\)[ -]?(?=\d++(?:[ -]\d++)*+(?!{word}|[.,:/]\d|{unit}|{blank}{month_name}))"
    no_code = (
        rf"(?=\d)(?:{'|'.join(begin_with_digit)})",
        rf"(?=[{letter}]+[., -]{{0,2}}(?:(?:del?|the) )?\d)"
        rf"(?:{in_month}|(?:{currency}|{_BEFORE_AMOUNTS})\.?{blank}?{amount}(?!{word})"
        rf"|[A-Z]{{1,3}}\d{{1,3}}(?:,\d{{3}})++(?:\.\d++)?(?!{word}))",  # P1,250
        r"(?i:https?://|www\.)\S+",
    )
    part_of_longer = (
        rf"(?:[{letter}]*+\d{word}*+(?:-{word}++)*+{mark}|[{letter}]++[/_@\\&~])"
        rf"{word}++(?:(?:-|{mark})*+{word}++)*+"
    )
    codes = (
        rf"(?P<mix>(?=[{letter}-]{{0,40}}\d)(?=[\d-]{{0,40}}[{letter}]){mixed}(?:-{mixed})*+)",
        rf"(?P<digits>(?:{area_code}|(?<!\*)\*)?\d++(?!{word})(?:{more_digits})*(?:[*#](?![*#]))?)",
    )
    return re.compile(
        rf"\+\d(?:(?:[ ./\u00a0-]| ?\(|\)[ -]?)?\d){{0,14}}(?!\d)|{sign}{blank}?{amount}(?!{word})"
        rf"|(?<!{word})(?<!_)(?:{'|'.join(no_code)}"
        rf"|(?=\S{{0,40}}\d)(?:{part_of_longer}|(?<!\d-)(?:{'|'.join(codes)})(?!-?{word})))"
    )


def _any(words: str) -> str:
    return "|".join(words.split())
