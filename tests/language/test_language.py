"""Which language it is, and that a text in it has what belongs into it."""

from __future__ import annotations

import pytest

from fs_1c.language import _, choice, fits, ngettext, pgettext, retold, speak


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({}, "en"),
        ({"LANG": "ru_RU.UTF-8"}, "ru"),
        ({"LANG": "ru_RU.KOI8-R"}, "ru"),
        ({"LANG": "ru_UA"}, "ru"),
        ({"LANG": "ru"}, "ru"),
        ({"LANG": "RU_ru.utf8@x"}, "ru"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({"LANG": "rumantsch"}, "en"),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "ru_RU.UTF-8"}, "ru"),
        ({"LANG": "ru_RU.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANG": "ru_RU.UTF-8", "LC_ALL": "", "LC_MESSAGES": ""}, "ru"),
        ({"LANG": "ru_RU.UTF-8", "LC_MESSAGES": "POSIX"}, "en"),
        ({"LANG": "C.UTF-8", "LANGUAGE": "ru"}, "en"),
        ({"LANG": "ru_RU.UTF-8", "LANGUAGE": "en_GB:en"}, "en"),
        ({"LANG": "en_US.UTF-8", "LANGUAGE": "de:ru:en"}, "ru"),
        ({"LANGUAGE": "ru"}, "en"),
        ({"LANG": "../../etc"}, "en"),
    ],
)
def test_the_environment_says_it(environment: dict[str, str], language: str) -> None:
    assert choice(environment) == language


@pytest.mark.parametrize(
    ("language", "encoding", "fit"),
    [
        ("ru", "utf-8", True),
        ("ru", "koi8-r", True),
        ("ru", "cp1251", True),
        ("ru", "ascii", False),
        ("ru", "latin-1", False),
        ("ru", "no-such", False),
        ("en", "ascii", True),
    ],
)
def test_a_terminal_has_the_letters_or_not(language: str, encoding: str, fit: bool) -> None:
    assert fits(language, encoding) is fit


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, "0 звонков"),
        (1, "1 звонок"),
        (2, "2 звонка"),
        (5, "5 звонков"),
        (11, "11 звонков"),
        (21, "21 звонок"),
    ],
)
def test_what_is_counted(count: int, said: str) -> None:
    speak("ru")
    assert ngettext("{count} call", "{count} calls", count) == said
    speak("en")
    assert ngettext("{count} call", "{count} calls", count) == f"{count} call{'s' * (count != 1)}"


def test_a_word_is_another_one_elsewhere() -> None:
    speak("ru")
    said = [pgettext(context, "unknown") for context in ("lookup", "card", "subscriber")]
    assert said == ["не найден", "неизвестно, дошла ли", "неизвестно"]


def test_a_value_is_shown_and_not_done() -> None:
    """A client's name with braces in it is a name."""
    name = "{0.__class__} {name} {{x}}"
    assert _("The journal knows no call {call}.", call=name) == f"The journal knows no call {name}."
    assert _("no {braces} are no place") == "no {braces} are no place"


def test_without_its_catalogue_it_is_english() -> None:
    speak("tlh")
    assert _("withheld") == "withheld" and retold("withheld") == "withheld"


@pytest.mark.parametrize(
    ("told", "russian"),
    [
        ("244 talks since 14:02: passed over", "244 разговаривает с 14:02: пропускаем"),
        ("244 is away: 245 rings in his place", "244 не на месте: вместо него вызываем 245"),
        (
            "244 talked to the client last (27.11 14:02); 244 talks since 14:02: passed over",
            "244 говорил с клиентом последним (27.11 14:02); 244 разговаривает с 14:02: пропускаем",
        ),
        (
            "244 talked to the client last (27.11 14:02)",
            "244 говорил с клиентом последним (27.11 14:02)",
        ),
        ("244 talks: rings together with the next", "244 разговаривает: вместе с ним вызываем следующего"),
        ("no answer within 800 ms", "нет ответа за 800 мс"),
        (
            "HTTP 401, wrong user name or password: Неправильно: {x}",
            "HTTP 401, неверное имя пользователя или пароль: Неправильно: {x}",
        ),
        ("what 1C says, in its own words", "what 1C says, in its own words"),
        ("no answer within 800 ms" * 100, "no answer within 800 ms" * 100),
        ("", ""),
    ],
)
def test_what_the_service_has_said_is_said_again(told: str, russian: str) -> None:
    assert retold(told) == told
    speak("ru")
    assert retold(told) == russian


def test_no_text_takes_long_to_be_looked_for() -> None:
    speak("ru")
    assert retold("HTTP , : " * 110) == retold("HTTP , : " * 110)
