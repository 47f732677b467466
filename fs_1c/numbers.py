"""Phone numbers: what was received ↔ E.164 (the cache key) ↔ the form a base is asked in; which may be rung.

Google's phonenumbers does the reading. Around it stand the rules it does not have, because it answers "what
could this mean?" and a switch needs "is this a client's number at all?": it would make +7244 out of extension
244.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import phonenumbers

MAX_LENGTH = 64
"""Longer than any number, in characters; what is longer was not typed on a phone."""

MAX_DIALLED = 20
"""Characters of what a trunk may be given: 8 10 and the fifteen digits of E.164 are eighteen."""

OWN_COUNTRY = "own-country"
"""Among patterns of what may be dialled: the country's own numbers that cost no more than a call."""

_USUAL = frozenset(
    {
        phonenumbers.PhoneNumberType.FIXED_LINE,
        phonenumbers.PhoneNumberType.MOBILE,
        phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE,
        phonenumbers.PhoneNumberType.TOLL_FREE,
        phonenumbers.PhoneNumberType.VOIP,
    }
)
_WITHHELD = frozenset(
    "anonymous restricted unknown unavailable private withheld blocked asterisk freeswitch none".split()
)
_PREFIX = re.compile(r"^(?:sips?|tel):", re.IGNORECASE)
_SERVICE = re.compile(r"^[*#]\d{2,3}[*#]")  # *31*, #31#: whether the number is shown
_AROUND = " \t\"'<>«»“”"
_LONG_DISTANCE = re.compile(r"(?:8|\+7)([3-9][0-9]{9})")
_ALLOWED = re.compile(r"^[+0-9()\s.\-/\u00a0\u2010-\u2015]+$")


class NumberFormat(StrEnum):
    """The form in which a base keeps, and so must be asked for, its clients' numbers."""

    EIGHT = "8"  # 89235292926
    PLUS = "+7"  # +79235292926
    SEVEN = "7"  # 79235292926
    NATIONAL = "national"  # 9235292926
    AS_RECEIVED = "as-received"


@dataclass(frozen=True, slots=True)
class NumberPlan:
    """How numbers are dialled where the switch stands.

    Attributes:
        country: Two letters, ISO 3166: numbers without a country code belong here.
        area_code: Digits put before a local number such as 2745000; empty: local numbers are not understood.
        extension_digits: Numbers of up to this many digits are extensions.
    """

    country: str = "RU"
    area_code: str = ""
    extension_digits: int = 6


@dataclass(frozen=True, slots=True)
class Number:
    """A telephone number of the world.

    Attributes:
        e164: A plus and digits, as in +79235292926.
        received: The characters it was read from.
    """

    e164: str
    received: str

    def written(self, form: NumberFormat) -> str:
        """The number as a base of that form wants it; a foreign one keeps its country code in every form."""
        return self.received if form is NumberFormat.AS_RECEIVED else _written(self.e164, form)


@lru_cache(maxsize=4096)
def _written(e164: str, form: NumberFormat) -> str:
    digits = e164[1:]
    russian = digits.startswith("7") and len(digits) == 11  # Kazakhstan too: 87071234567 is +77071234567
    match form:
        case NumberFormat.EIGHT:
            return f"8{digits[1:]}" if russian else f"810{digits}"
        case NumberFormat.NATIONAL:
            return digits[1:] if russian else digits
        case NumberFormat.SEVEN:
            return digits
        case _:
            return e164


@dataclass(frozen=True, slots=True)
class NotANumber:
    """There is nothing here to ask 1C about.

    Attributes:
        reason: Why, in two or three words for the log: `withheld`, `an extension`, `malformed`.
    """

    reason: str


def is_extension(text: str, plan: NumberPlan) -> bool:
    """Is this a subscriber of the switch: a few digits, no more than `plan.extension_digits`?"""
    return text.isascii() and text.isdigit() and 0 < len(text) <= plan.extension_digits


@lru_cache(maxsize=4096)
def read(received: str, plan: NumberPlan) -> Number | NotANumber:
    """Understands a caller's number in any usual form. Never raises.

    Trunks write more than a number: an address (`sip:…`, `…@host`), parameters (`;ext=15`), quotes, a code
    before it (`*31*`), the number that was dialled behind it (`…#7495…`), the digit for an outside line. Two
    numbers otherwise written in one text are malformed, since nobody could say which of them rings.
    """
    text = received.strip(_AROUND)
    if len(text) > MAX_LENGTH:
        return NotANumber("malformed")
    text = _PREFIX.sub("", text).partition("@")[0].partition(";")[0].strip(_AROUND)
    text = _SERVICE.sub("", text).partition("#")[0]
    if not text or text.lower() in _WITHHELD or not text.strip("0+-"):
        return NotANumber("withheld")
    if not _ALLOWED.match(text):
        return NotANumber("malformed")
    digits = re.sub(r"\D", "", text)
    bare = text.lstrip("(+ ")
    if "+" in bare:  # a plus inside is where a second number begins
        return NotANumber("malformed")
    plus = "+" in text
    international = plus or digits.startswith("00")
    if not international and is_extension(digits, plan):
        return NotANumber("an extension")
    # Only digits go on: the library does not know every space and dash that people write between them.
    if international:
        digits = "+" + (digits if plus else digits[2:])
    elif plan.area_code and len(digits) + len(plan.area_code) == 10:
        digits = plan.area_code + digits
    e164 = _outside_line(digits, plan.country) or _e164(digits, plan.country)
    if e164 is None and not international and len(digits) > 10:
        e164 = _e164(f"+{digits}", plan.country, surely=True)  # trunks leave the plus out: 375291234567
    if e164 is None and plus:
        e164 = _e164(digits[1:], plan.country, surely=True)  # and put it where it has no place: +89235292926
    return NotANumber("malformed") if e164 is None else Number(e164, received.strip())


def in_e164(received: str, plan: NumberPlan) -> str:
    """The number in E.164; what is none as it was received."""
    number = read(received, plan)
    return number.e164 if isinstance(number, Number) else received


def forget() -> None:
    """Forgets the numbers that were read and written last."""
    read.cache_clear()
    _written.cache_clear()


def _outside_line(digits: str, country: str) -> str | None:
    """The number behind the digit by which a PBX has got its line, as in 9 8 923 529-29-26. In Russia only,
    where none of its own numbers looks like that.
    """
    if country != "RU" or not re.fullmatch(r"[09]8\d{10}", digits):
        return None
    return _e164(digits[1:], country, surely=True)


def _e164(digits: str, country: str, *, surely: bool = False) -> str | None:
    """The number in E.164 as seen from `country`, or None. `surely`: only if it follows a known numbering
    plan.
    """
    if country == "RU" and (found := _LONG_DISTANCE.fullmatch(digits)):
        digits = f"+7{found[1]}"
        if not surely:
            return digits  # as the library says of all of them, and takes a tenth of a millisecond for it
    try:
        parsed = phonenumbers.parse(digits, country)
    except phonenumbers.NumberParseException:
        return None
    # Possible rather than valid: numbering plans grow faster than the library's tables, and a client must not
    # be lost for having a new prefix. The reason matters: "local only" is a number that lacks its area code.
    if phonenumbers.is_possible_number_with_reason(parsed) != phonenumbers.ValidationResult.IS_POSSIBLE:
        return None
    e164 = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    if len(e164) > 16:  # Japan has longer ones, for itself
        return None
    # The library's tables also allow fourteen digits. And no area code begins with 0, 1 or 2: 8 10 … is the
    # prefix of a call abroad.
    if parsed.country_code == 7 and (len(e164) != 12 or e164[2] in "012"):
        return None
    if e164 != digits and not _reads_as_itself(
        e164
    ):  # trunk prefixes in a row come off one at a time: +95 00 012345
        return None
    return None if surely and not phonenumbers.is_valid_number(parsed) else e164


def _reads_as_itself(e164: str) -> bool:
    try:
        parsed = phonenumbers.parse(e164)
    except phonenumbers.NumberParseException:
        return False
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164) == e164


@lru_cache(maxsize=4096)
def refusal(number: Number, dialled: str, allow: tuple[str, ...], plan: NumberPlan) -> str:
    """Why a telephone must not be rung from here, in words for an engineer; empty: it may. Never raises.

    Args:
        number: Whose it is.
        dialled: What the trunk is given for it.
        allow: `OWN_COUNTRY`, and patterns of the whole of `dialled`, which the settings have found to be
            good ones. What none of them allows is refused.
    """
    if len(dialled) > MAX_DIALLED:
        return "it is too long for a telephone number"
    if any(one != OWN_COUNTRY and re.fullmatch(one, dialled, re.ASCII) for one in allow):
        return ""
    if OWN_COUNTRY not in allow:
        return "it is none of the allowed"
    return _not_usual(number.e164, dialled, plan.country)


def _not_usual(e164: str, dialled: str, country: str) -> str:
    """Why that is no usual number of the country; empty: it is one. What the library does not know is none:
    nobody could say what a call there costs.
    """
    parsed = phonenumbers.parse(e164)
    region = phonenumbers.region_code_for_number(parsed)
    if region != country:
        return f"it is a number of {region}, not of {country}" if region else "it is in no numbering plan"
    kind = phonenumbers.number_type(parsed)
    if kind not in _USUAL:
        return f"its kind is {phonenumbers.PhoneNumberType.to_string(kind).lower().replace('_', ' ')}"
    # As received a trunk may understand it otherwise than `read`: 98 923… has an outside line before it
    # here, and is in Iran there.
    if not _dials(dialled, e164, country) or phonenumbers.connects_to_emergency_number(dialled, country):
        return f"a trunk may take it for another one than {e164}"
    return ""


def _dials(dialled: str, e164: str, country: str) -> bool:
    digits = re.sub(r"[^+0-9]", "", dialled)
    if "+" in digits or f"+{digits}" == e164:
        return digits in (e164, e164[1:])
    try:
        parsed = phonenumbers.parse(digits, country)
    except phonenumbers.NumberParseException:
        return False
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164) == e164


HIDDEN = "•••"
"""In place of a number's middle digits."""

# As people and programs write them, too: +7 (923) 529-29-26, 8.923.529.29.26, 0211/1234567. Between digits
# may stand spaces, dashes of any kind, and what is not to be seen at all.
_BETWEEN = (
    r"[ \t\u00a0\u1680\u2000-\u200f\u202a-\u202f\u205f-\u2069\u3000\ufeff\u00ad\u061c"
    r"\-\u2010-\u2015\u2043\u2212\ufe58\ufe63\uff0d()\[\]\uff08\uff09.\u00b7\u2024\uff0e/\u2044\u2215\uff0f\\_]"
)
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_ADDRESS = rf"(?<![0-9.]){_OCTET}(?:\.{_OCTET}){{3}}(?!\.?[0-9])"
_ANY_NUMBER = re.compile(rf"(?P<address>{_ADDRESS})|[+\uff0b]?\d(?:{_BETWEEN}{{0,4}}\d){{6,}}")


def masked(text: str) -> str:
    """`text` without the middle digits of each number; less than seven digits are an extension, and an IPv4
    address is none.
    """
    return _ANY_NUMBER.sub(_hide, text)


def _hide(found: re.Match[str]) -> str:
    if found["address"]:
        return found[0]
    plus = "+" if found[0][0] in "+\uff0b" else ""
    digits = "".join(c for c in found[0] if c.isdecimal())
    if len(digits) < 10:
        return plus + digits[:2] + HIDDEN + digits[-2:]
    return plus + digits[: min(len(digits) - 7, 5)] + HIDDEN + digits[-4:]
