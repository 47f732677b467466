"""Numbers: what was received → E.164 → the form in which a base is asked."""

from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fs_1c.numbers import MAX_LENGTH, NotANumber, Number, NumberFormat, NumberPlan, is_extension, read
from tests.support import EXAMPLES

PLAN = NumberPlan()
NOVOSIBIRSK = NumberPlan(area_code="383")
SEED = "+79235292926"
FORMS = [form for form in NumberFormat if form is not NumberFormat.AS_RECEIVED]

READ = {
    # One and the same Russian mobile, as switches, gateways and people write it.
    "89235292926": SEED,
    "+79235292926": SEED,
    "79235292926": SEED,
    "9235292926": SEED,
    "0079235292926": SEED,
    " 89235292926 ": SEED,
    "89235292926\r\n": SEED,
    "8 (923) 529-29-26": SEED,
    "+7 (923) 529-29-26": SEED,
    "+7(923)5292926": SEED,
    "(+7) 923 529-29-26": SEED,
    "(923) 529-29-26": SEED,
    "8.923.529.29.26": SEED,
    "8923/529-29-26": SEED,
    "+7\u00a0923\u00a0529\u201129\u201126": SEED,  # no-break spaces and hyphens
    "8\u202f923\u202f529\u201329\u201326": SEED,  # narrow no-break spaces, en dashes
    "8\u2009923\u2009529\u200929\u200926": SEED,  # thin spaces
    "sip:89235292926@10.0.0.1": SEED,
    "sip:+79235292926;user=phone@10.0.0.1:5060": SEED,
    "sips:+79235292926@pbx.example": SEED,
    "SIP:89235292926": SEED,
    "tel:+79235292926": SEED,
    "tel:+7-923-529-29-26;phone-context=example.com": SEED,
    # Other Russian numbers.
    "84957390000": "+74957390000",
    "8 (3852) 12-34-56": "+73852123456",
    "8-800-555-35-35": "+78005553535",
    "88005553535": "+78005553535",
    # Kazakhstan shares the country code.
    "87071234567": "+77071234567",
    "+7 707 123 45 67": "+77071234567",
    # The rest of the world.
    "8-10-375-29-123-45-67": "+375291234567",
    "810375291234567": "+375291234567",
    "00375291234567": "+375291234567",
    "00 375 29 123-45-67": "+375291234567",
    "+375 29 123-45-67": "+375291234567",
    "+1 202 555 0123": "+12025550123",
    "0012025550123": "+12025550123",
    "8 10 44 20 7946 0958": "+442079460958",
    "+8613800138000": "+8613800138000",
}
NOT_NUMBERS = {
    "244": "an extension",
    "1244": "an extension",
    "0244": "an extension",
    "112": "an extension",
    "2-44": "an extension",
    "sip:244@pbx.example": "an extension",
    "tel:112": "an extension",
    "": "withheld",
    "   ": "withheld",
    "0": "withheld",
    "00": "withheld",
    "0000000000": "withheld",
    "+": "withheld",
    "-": "withheld",
    "anonymous": "withheld",
    "Anonymous": "withheld",
    "Restricted": "withheld",
    "UNAVAILABLE": "withheld",
    "unknown": "withheld",
    "Private": "withheld",
    "sip:anonymous@anonymous.invalid": "withheld",
    "sip:": "withheld",
    "2745000": "malformed",
    "274-50-00": "malformed",
    "+244": "malformed",
    "00244": "malformed",
    "+7": "malformed",
    "+7 923 529 29 2": "malformed",
    "+7 923 529 29 266": "malformed",
    "923529292611": "malformed",
    "011 1 202 555 0123": "malformed",  # an American's way to dial abroad, not fourteen Russian digits
    "89235292926, 89235292927": "malformed",
    "89235292926 89235292927": "malformed",
    "+79235292926+79235292927": "malformed",
    "7+9235292926": "malformed",
    "sip:ivan@pbx.example": "malformed",
    "8923529292O": "malformed",
    "89235292926 доб. 12": "malformed",
    "😀": "malformed",
    "8923529😀2926": "malformed",
    "٨٩٢٣٥٢٩٢٩٢٦": "malformed",  # Arabic digits
    "٢٤٤": "malformed",
    "８９２３５２９２９２６": "malformed",  # full-width digits
    "${system(id)}": "malformed",
    "89235292926\x00": "malformed",
    "9" * (MAX_LENGTH + 1): "malformed",
    "+" + "9" * 1_000_000: "malformed",
    "()": "malformed",
}


@pytest.mark.parametrize(("received", "e164"), READ.items())
def test_every_usual_form_of_a_number_is_read(received: str, e164: str) -> None:
    number = read(received, PLAN)
    assert isinstance(number, Number)
    assert number.e164 == e164


@pytest.mark.parametrize(("received", "reason"), NOT_NUMBERS.items(), ids=lambda value: value[:20])
def test_what_is_no_clients_number_is_told_apart(received: str, reason: str) -> None:
    assert read(received, PLAN) == NotANumber(reason)


@pytest.mark.parametrize("local", ["2745000", "274-50-00", "274 50 00", "274\u00a050\u00a000"])
def test_a_local_number_is_read_where_the_area_code_is_set(local: str) -> None:
    number = read(local, NOVOSIBIRSK)
    assert isinstance(number, Number)
    assert number.e164 == "+73832745000"


def test_the_area_code_is_not_put_before_a_number_that_has_one() -> None:
    for received in ("89235292926", "9235292926", "+375291234567", "00375291234567"):
        assert read(received, NOVOSIBIRSK) == read(received, PLAN)


def test_a_number_of_up_to_the_set_digits_is_an_extension() -> None:
    assert is_extension("244", NumberPlan(extension_digits=3))
    assert not is_extension("1244", NumberPlan(extension_digits=3))
    for text in ("", "24a", "٢٤٤", "²", "2 44", "-1", "244\n"):
        assert not is_extension(text, PLAN)


@pytest.mark.parametrize(
    ("received", "eight", "plus", "seven", "national"),
    [
        ("+7 (923) 529-29-26", "89235292926", "+79235292926", "79235292926", "9235292926"),
        ("87071234567", "87071234567", "+77071234567", "77071234567", "7071234567"),
        ("8-800-555-35-35", "88005553535", "+78005553535", "78005553535", "8005553535"),
        ("00375291234567", "810375291234567", "+375291234567", "375291234567", "375291234567"),
        ("+12025550123", "81012025550123", "+12025550123", "12025550123", "12025550123"),
    ],
)
def test_a_base_is_asked_in_its_own_form(
    received: str, eight: str, plus: str, seven: str, national: str
) -> None:
    number = read(received, PLAN)
    assert isinstance(number, Number)
    assert [number.written(form) for form in FORMS] == [eight, plus, seven, national]
    assert number.written(NumberFormat.AS_RECEIVED) == received


@given(st.text(st.characters()) | st.text("+0123456789()-. /\u00a0sipteln:;@", max_size=80))
def test_reading_never_raises_and_gives_e164_or_a_reason(received: str) -> None:
    number = read(received, PLAN)
    if isinstance(number, Number):
        assert number.e164[0] == "+"
        assert number.e164[1:].isascii()
        assert number.e164[1:].isdigit()
        assert 8 <= len(number.e164) <= 16  # E.164: fifteen digits
    else:
        assert number.reason in ("withheld", "an extension", "malformed")


RUSSIAN = st.from_regex(r"(?:[349][0-9]{2}|80[0-9]|7[0-7][0-9])[0-9]{7}", fullmatch=True)
SEPARATOR = st.sampled_from(["", "", " ", "-", ".", "\u00a0", "\u202f", "\u2011", "–", " - ", " (", ") "])


@given(RUSSIAN, st.sampled_from(["8", "+7", "7", "007", "(+7)"]), st.lists(SEPARATOR, min_size=5, max_size=5))
def test_a_russian_number_is_the_same_however_it_is_spaced(
    ten: str, prefix: str, separators: list[str]
) -> None:
    groups = [prefix, ten[:3], ten[3:6], ten[6:8], ten[8:]]
    received = "".join(group + separator for group, separator in zip(groups, separators, strict=True))
    number = read(received, PLAN)
    assert isinstance(number, Number)
    assert number.e164 == f"+7{ten}"


@given(RUSSIAN, st.sampled_from(FORMS))
def test_a_russian_number_written_in_any_form_reads_back(ten: str, form: NumberFormat) -> None:
    number = Number(f"+7{ten}", "")
    again = read(number.written(form), PLAN)
    assert isinstance(again, Number)
    assert again.e164 == number.e164


@pytest.mark.parametrize("form", [NumberFormat.EIGHT, NumberFormat.PLUS])
def test_numbers_of_every_country_read_back_as_dialled_from_russia(form: NumberFormat) -> None:
    """Only these two forms: without a prefix a foreign number cannot be told from a Russian one."""
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        example = phonenumbers.example_number(region)
        assert example is not None
        number = Number(phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164), "")
        again = read(number.written(form), PLAN)
        assert isinstance(again, Number), region
        assert again.e164 == number.e164


@settings(max_examples=100 * EXAMPLES, deadline=None)
@given(st.from_regex(r"(8|\+7)[0-9]{10}", fullmatch=True, alphabet="+0123456789"))
def test_a_russian_number_is_read_as_the_library_reads_it(digits: str) -> None:
    """Eight and ten digits are +7 and these ten, and each of them is possible: the library is not asked."""
    ours = read(digits, NumberPlan())
    if digits[-10] in "3456789":
        assert ours == Number(as_the_library_reads(digits), digits)


@pytest.mark.parametrize("first", range(3, 10))
def test_the_library_takes_any_number_with_any_area_code(first: int) -> None:
    for code in range(100):
        ten = f"{first}{code:02d}{code * 99_999 % 10_000_000:07d}"
        for written in (f"8{ten}", f"+7{ten}"):
            assert read(written, PLAN) == Number(as_the_library_reads(written), written)


def as_the_library_reads(digits: str) -> str:
    theirs = phonenumbers.parse(digits, "RU")
    assert phonenumbers.is_possible_number_with_reason(theirs) == phonenumbers.ValidationResult.IS_POSSIBLE
    return phonenumbers.format_number(theirs, phonenumbers.PhoneNumberFormat.E164)
