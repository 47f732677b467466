"""Settings: a file and the environment; a wrong one is a line that helps and gives no secret away."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fs_1c.numbers import NumberFormat, NumberPlan
from fs_1c.onec import mobilon
from fs_1c.settings import Settings, SettingsError, build, load
from fs_1c.settings.types import Address, parse_address, parse_duration, parse_network

EXAMPLE = """
[onec]
url = "http://1c.example:8080/telephony/ws/VATS"
username = "SOAP"
password_file = "{password_file}"
namespace = "http://VATS"
number_format = "8"
sessions = 4
[lookup]
deadline = "800ms"
fresh_for = "5m"
unknown_for = "1m"
[routing]
extension = "user/{extension}@{domain}"
external = "sofia/gateway/trunk/{number}"
ring_for = "20s"
then = ["user/100@{domain}"]
[[routing.category]]
is = "VIP"
then = ["user/101@{domain}"]
[subscribers.keys]
"244" = "gW3cyUJAtl50PhF"
[esl.outbound]
listen = "127.0.0.1:8084"
[[esl.inbound]]
address = "127.0.0.1:8021"
password = "ClueCon"
"""
ONEC = '[onec]\nurl = "http://1c.example/ws"\n'
SECRET = "s3kr1t"


@pytest.fixture(autouse=True)
def no_settings_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.upper().startswith("FS_1C_"):
            monkeypatch.delenv(name)


def settings(toml: str) -> Settings:
    return build(tomllib.loads(toml), "fs-1c.toml")


def problems(toml: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        settings(toml)
    assert str(caught.value) == "\n".join(caught.value.problems)
    return caught.value.problems


def test_the_example_of_the_design_is_understood(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("123\n")
    file = tmp_path / "fs-1c.toml"
    file.write_text(EXAMPLE.replace("{password_file}", str(tmp_path / "password")))
    given = load(file)
    (base,) = given.onec.values()
    assert (base.url, base.username, base.secret()) == (
        "http://1c.example:8080/telephony/ws/VATS",
        "SOAP",
        "123",
    )
    assert (base.namespace, base.number_format, base.sessions) == ("http://VATS", NumberFormat.EIGHT, 4)
    assert (given.lookup.deadline, given.lookup.fresh_for, given.lookup.unknown_for) == (0.8, 300, 60)
    assert given.routing.extension == "user/{extension}@{domain}"
    assert given.routing.external == "sofia/gateway/trunk/{number}"
    assert given.routing.ring_for == 20
    assert given.routing.then == ("user/100@{domain}",)
    assert [(rule.category, rule.then) for rule in given.routing.category] == [
        ("VIP", ("user/101@{domain}",))
    ]
    assert given.subscribers.keys["244"].get_secret_value() == "gW3cyUJAtl50PhF"
    assert given.esl.outbound.listen == Address("127.0.0.1", 8084)
    (inbound,) = given.esl.inbound
    assert (inbound.address, inbound.secret()) == (Address("127.0.0.1", 8021), "ClueCon")


def test_a_url_is_enough_and_the_rest_has_defaults() -> None:
    given = settings(ONEC)
    (base,) = given.onec.values()
    assert (base.secret(), mobilon(base).namespace) == ("", "http://VATS")
    assert base.number_format is NumberFormat.EIGHT
    assert given.lookup.deadline == 0.8
    assert given.numbers.plan() == NumberPlan("RU", "", 6)
    assert given.esl.outbound.listen == Address("127.0.0.1", 8084)
    assert given.esl.inbound == ()


def test_no_secret_is_in_the_text_of_the_settings() -> None:
    given = settings(
        f'{ONEC}password = "{SECRET}"\n[subscribers.keys]\n244 = "{SECRET}"\n'
        f'[[esl.inbound]]\npassword = "{SECRET}"\n'
    )
    assert SECRET not in f"{given} {given!r} {given.model_dump()} {given.model_dump_json()}"


def test_the_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FS_1C_LOOKUP__DEADLINE", "500ms")
    monkeypatch.setenv("FS_1C_ONEC__PASSWORD", SECRET)
    monkeypatch.setenv("FS_1C_ONEC__SESSIONS", "2")
    monkeypatch.setenv("FS_1C_SUBSCRIBERS__KEYS__244", "from-environment")
    monkeypatch.setenv("FS_1C_ROUTING__THEN", '["user/1@x"]')
    monkeypatch.setenv("FS_1C_UNHEARD_OF", "of another program")
    given = settings(f'{ONEC}sessions = 9\npassword = "x"\n[lookup]\ndeadline = 3\nfresh_for = 7\n')
    (base,) = given.onec.values()
    assert (given.lookup.deadline, given.lookup.fresh_for) == (0.5, 7)
    assert (base.url, base.secret(), base.sessions) == ("http://1c.example/ws", SECRET, 2)
    assert given.subscribers.keys["244"].get_secret_value() == "from-environment"
    assert given.routing.then == ("user/1@x",)


def test_one_of_several_bases_is_set_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FS_1C_ONEC__SALES__URL", "http://other.example/ws")
    given = settings(SEVERAL)
    assert given.onec["sales"].url == "http://other.example/ws"
    assert given.onec["sales"].destinations == ("74957390000",)
    assert given.onec["service"].url == "http://service.example/ws"


def test_the_environment_alone_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FS_1C_ONEC__URL", "http://1c.example/ws")
    assert [base.url for base in build({}).onec.values()] == ["http://1c.example/ws"]


@pytest.mark.parametrize("secret", ["123456", "1e5", "null", "true", '"quoted"'])
def test_a_secret_in_the_environment_is_taken_as_it_stands(
    monkeypatch: pytest.MonkeyPatch, secret: str
) -> None:
    monkeypatch.setenv("FS_1C_ONEC__PASSWORD", secret)
    monkeypatch.setenv("FS_1C_SUBSCRIBERS__KEYS__244", secret)
    given = settings(ONEC)
    (base,) = given.onec.values()
    assert [base.secret(), given.subscribers.keys["244"].get_secret_value()] == [secret, secret]


@pytest.mark.parametrize("name", ["FS_1C_LOOKUP", "FS_1C_ONEC", "FS_1C_SUBSCRIBERS"])
def test_a_section_in_the_environment_that_is_no_json_is_a_clear_line(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, SECRET)
    (problem,) = problems(ONEC)
    assert name.removeprefix("FS_1C_").lower() in problem.lower()
    assert SECRET not in problem


SEVERAL = """
[onec.sales]
url = "http://sales.example/ws"
destinations = ["74957390000"]
[onec.service]
url = "http://service.example/ws"
number_format = "+7"
destinations = ["74957390001", "100"]
"""


@pytest.mark.parametrize(
    ("chosen", "destination", "base"),
    [
        ("", "", "sales"),
        ("", "74957390000", "sales"),
        ("", "74957390001", "service"),
        ("", "100", "service"),
        ("", "999", "sales"),
        ("service", "74957390000", "service"),
        ("servise", "74957390001", "service"),  # a typing error in a dialplan must not cost the lookup
        ("servise", "", "sales"),
        ("SERVICE", "", "sales"),
    ],
)
def test_a_call_goes_to_the_chosen_base_else_by_its_destination_else_to_the_first(
    chosen: str, destination: str, base: str
) -> None:
    assert settings(SEVERAL).base_for(chosen, destination) == base


WRONG = {
    "": ("onec", "missing"),
    "[onec]": ("onec", "at least one base"),
    '[onec]\nusername = "SOAP"': ("onec.url", "missing"),
    '[onec]\nurl = "ftp://x/ws"': ("onec.url", "http://HOST[:PORT]/BASE/ws/NAME"),
    f'[onec]\nurl = "http://SOAP:{SECRET}@1c.example/ws"': ("onec.url", "settings of their own"),
    f'{ONEC}number_format = "9"': ("onec.number_format", "'8', '+7', '7', 'national' or 'as-received'"),
    f"{ONEC}sessions = 0": ("onec.sessions", "allowed: at least 1"),
    f'{ONEC}sessions = "many"': ("onec.sessions", "allowed: a whole number in digits"),
    f'{ONEC}dialect = "mobilon"': ("onec.dialect", "'mobilon-1', 'mobilon-2', 'mobilon-3' or 'itoolabs'"),
    f'{ONEC}session_mode = "never"': ("onec.session_mode", "'auto', 'per-request' or 'ibsession'"),
    f'{ONEC}proxy = "SOAP:{SECRET}@proxy"': ("onec.proxy", "http://HOST:PORT"),
    f'{ONEC}proxy = "http://SOAP:{SECRET}@proxy:99999"': ("onec.proxy", "http://HOST:PORT"),
    f'{ONEC}proxy = "http://SOAP:{SECRET}@[proxy"': ("onec.proxy", "http://HOST:PORT"),
    f'{ONEC}names = {{ key = "<Key>" }}': ("onec.names.key", "allowed: a name as 1C has it"),
    f'{ONEC}[screenpop]\nuseful_for = "0s"': ("screenpop.useful_for", "allowed: more than 0 s"),
    f'{ONEC}timeout = "soon"': ("onec.timeout", "allowed: a number and ms, s, m, h or d"),
    f'{ONEC}ca_file = "/nowhere/ca.pem"': ("onec.ca_file", "/nowhere/ca.pem cannot be read"),
    f'{ONEC}password_file = "/nowhere/password"': ("onec", "/nowhere/password cannot be read"),
    f'{ONEC}pasword = "{SECRET}"': ("onec.pasword", "there is no such setting"),
    f'{ONEC}password = ["{SECRET}"]': ("onec.password", "and no list"),
    f'{ONEC}password = {{ a = "{SECRET}" }}': ("onec.password", "and no section"),
    f'{ONEC}password = "{SECRET}"\npassword_file = "/nowhere"': ("onec", "allowed is one of them"),
    f'{ONEC}[subscribers]\nkeys = "{SECRET}"': ("subscribers.keys", "is a section"),
    f'{ONEC}[subscribers.keys]\n244 = ["{SECRET}"]': ("subscribers.keys.244", "one text in quotes"),
    f'{ONEC}[[esl.inbound]]\npassword = ["{SECRET}"]': ("esl.inbound.0.password", "one text in quotes"),
    f'{ONEC}[[esl.inbound]]\nname = "sw 3"': ("esl.inbound.0", "letters"),
    f'{ONEC}[[esl.inbound]]\nname = "sw/3"': ("esl.inbound.0", "letters"),
    f'{ONEC}[[esl.inbound]]\nrole = "reserve"': ("esl.inbound.0", "needs the name"),
    f'{ONEC}[[esl.inbound]]\nname = "sw3"\nrole = "spare"': ("esl.inbound.0.role", "'own' or 'reserve'"),
    f'{ONEC}[[esl.inbound]]\nname = "a"\n[[esl.inbound]]\nname = "a"': ("esl", "two switches"),
    f'{ONEC}[[esl.inbound]]\naddress = "pbx"': ("esl.inbound.0.address", "HOST:PORT"),
    f'{ONEC}[esl.outbound]\nlisten = "127.0.0.1:99999"': ("esl.outbound.listen", "such as 127.0.0.1:8084"),
    f'{ONEC}[lookup]\ndeadline = "5 weeks"': ("lookup.deadline", "such as 800ms"),
    f"{ONEC}[lookup]\ndeadline = 0": ("lookup.deadline", "more than 0 s"),
    f"{ONEC}[lookup]\ndeadline = nan": ("lookup.deadline", "at most 60 s"),
    f"{ONEC}[lookup]\nfresh_for = inf": ("lookup.fresh_for", "at most"),
    f"{ONEC}[lookup]\ndeadline = true": ("lookup.deadline", "such as 800ms"),
    f'{ONEC}[routing]\nname = "Latin"': ("routing.name", "allowed: 'as-is', 'latin' or 'off'"),
    f'{ONEC}[routing]\ndead_after = "never"': (
        "routing.dead_after",
        "allowed: a number and ms, s, m, h or d",
    ),
    f"{ONEC}[routing]\nexternal = ''": ("routing.external", "allowed: a dial string"),
    f'{ONEC}[routing]\nexternal_allow = "^8"': ("routing.external_allow", "allowed: a list in brackets"),
    f'{ONEC}[routing]\nexternal_allow = ["own-country", "Russia"]': (
        "routing.external_allow.1",
        "allowed: own-country, or a pattern of a whole number, such as ^8[0-9]{10}$",
    ),
    f"{ONEC}[routing]\nexternal_allow = ['[9-0]']": ("routing.external_allow.0", "is no pattern: bad"),
    f'{ONEC}[routing]\nthen = ["user/1\'2"]': ("routing.then.0", "without quotes"),
    f'{ONEC}[routing]\nextension = "user/{{manager}}"': (
        "routing.extension",
        "allowed: {extension} and {domain}",
    ),
    f'{ONEC}[routing]\nthen = ["user/{{number}}"]': ("routing.then.0", "{number} has no meaning here"),
    f"{ONEC}[[routing.category]]\nthen = []": ("routing.category.0.is", "missing"),
    f'{ONEC}[[routing.category]]\nis = ""\nthen = []': ("routing.category.0.is", "at least 1"),
    f'{ONEC}[numbers]\ncountry = "Russia"': ("numbers.country", "two capital Latin letters"),
    f'{ONEC}[numbers]\narea_code = "(383)"': ("numbers.area_code", "up to six digits"),
    f'{ONEC}[http]\nlisten = "0.0.0.0:9184"': ("http", "allowed only with token"),
    f'{ONEC}[http]\nlisten = "0.0.0.0:9184"\ntoken = "fifteen-letters"': ("http", "at least 16 characters"),
    f"{ONEC}[typo]\nx = 1": ("typo", "there is no such setting"),
    '[onec.a]\nurl = "http://a/"\ndestinations = ["1"]\n[onec.b]\nurl = "http://b/"\ndestinations = ["1"]': (
        "onec.b.destinations",
        "1 already belongs to onec.a",
    ),
    '[onec.a]\nurl = "http://a/"\n[onec.b]\nurl = "b"': ("onec.b.url", "allowed"),
}


@pytest.mark.parametrize(("toml", "key", "said"), [(toml, *line) for toml, line in WRONG.items()])
def test_a_wrong_setting_is_one_line_with_its_file_its_key_and_what_is_allowed(
    toml: str, key: str, said: str
) -> None:
    (problem,) = problems(toml)
    assert problem.startswith(f"fs-1c.toml: {key}: ")
    assert said in problem
    assert "\n" not in problem
    assert SECRET not in problem


def test_a_proxys_password_is_shown_nowhere() -> None:
    made = settings(f'{ONEC}proxy = "http://SO%40P:{SECRET}@proxy.example:3128/"')
    assert SECRET not in f"{made!r}{made}{made.model_dump()}{made.model_dump_json()}"
    base = made.onec["default"]
    assert base.through() == ("http://proxy.example:3128/", f"SO@P:{SECRET}")
    assert settings(ONEC).onec["default"].through() == ("", "")


def test_every_wrong_setting_is_told_at_once() -> None:
    told = problems(f"{ONEC}sessions = 0\nx = 1\n[lookup]\ndeadline = 0\n")
    assert [line.split(": ")[1] for line in told] == ["onec.sessions", "onec.x", "lookup.deadline"]


PLACES = [
    "[onec]\nurl = {}",
    f"{ONEC}password = [{{}}]",
    f"{ONEC}password = {{}}\npassword_file = '/nowhere'",
    f"{ONEC}passwort = {{}}",
    f"{ONEC}[subscribers]\nkeys = {{}}",
    f"{ONEC}[subscribers]\nkeys = [{{}}]",
    f"{ONEC}[[esl.inbound]]\naddress = {{}}",
    f"{ONEC}[lookup]\ndeadline = {{}}",
    f"{ONEC}[routing]\nexternal_format = {{}}",
]


@given(st.sampled_from(PLACES), st.from_regex(r"[A-Za-z0-9]{12,20}", fullmatch=True))
def test_no_value_is_ever_repeated_wherever_it_was_written_by_mistake(place: str, value: str) -> None:
    for problem in problems(place.format(f'"{value}"')):
        assert value not in problem


@pytest.mark.parametrize("broken", [b'[onec\nurl = "x"', b'password = "s3kr1t', b"a = 1\na = 2"])
def test_a_file_that_is_no_toml_is_told_without_its_content(tmp_path: Path, broken: bytes) -> None:
    file = tmp_path / "fs-1c.toml"
    file.write_bytes(broken)
    with pytest.raises(SettingsError) as caught:
        load(file)
    (problem,) = caught.value.problems
    assert problem.startswith(f"{file}: is not TOML: ")
    assert SECRET not in problem


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    for path in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(SettingsError) as caught:
            load(path)
        assert caught.value.problems[0].startswith(f"{path}: cannot be read: ")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("800ms", 0.8),
        ("5s", 5),
        ("1.5 s", 1.5),
        ("5m", 300),
        ("24h", 86400),
        ("1d", 86400),
        ("3", 3),
        (0.25, 0.25),
    ],
)
def test_durations_are_read_as_seconds(text: object, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:8084", Address("127.0.0.1", 8084)),
        ("pbx.example:0", Address("pbx.example", 0)),
        ("[::1]:8084", Address("::1", 8084)),
        ("[fe80::1%eth0]:8084", Address("fe80::1%eth0", 8084)),
        ("атс.example:8021", Address("атс.example", 8021)),
    ],
)
def test_addresses_are_read_and_written_alike(text: str, address: Address) -> None:
    assert parse_address(text) == address
    assert str(address) == text


@pytest.mark.parametrize(
    "text",
    [
        *("", ":8021", "8021", "pbx", "pbx:", "pbx:65536", "pbx:²", "pbx:80:21", "[pbx]x:8021"),
        *("http://127.0.0.1:8021", "pbx/x:8021", "user@pbx:8021", " pbx:8021", "p bx:8021", "pbx:8021 "),
    ],
)
def test_what_is_no_address_is_said(text: str) -> None:
    with pytest.raises(ValueError, match="allowed: HOST:PORT"):
        parse_address(text)


@pytest.mark.parametrize("place", ["1c:99999", "1c:0", "1c:80x", ":80", "[::1"])
def test_where_no_port_can_be_there_is_no_url(place: str) -> None:
    for section in (
        {"onec": {"url": f"http://{place}/ws"}},
        {"onec": {"url": "http://1c/ws", "proxy": f"http://{place}"}},
        {"onec": {"url": "http://1c/ws"}, "recordings": {"folder": "/r", "link": f"http://{place}/r"}},
        {"onec": {"url": "http://1c/ws"}, "cluster": {"services": [f"http://{place}"]}},
    ):
        with pytest.raises(SettingsError, match="allowed: http://HOST"):
            build(section)


def door(**given: object) -> Settings:
    return build({"onec": {"url": "http://1c.example/ws"}, "esl": {"outbound": given}}, "fs-1c.toml")


@pytest.mark.parametrize("listen", ["0.0.0.0:8084", "[::]:8084", "10.0.0.5:8084", "pbx.example:8084"])
def test_the_outbound_door_is_open_to_others_only_if_it_is_said_to_whom(listen: str) -> None:
    with pytest.raises(SettingsError) as error:
        door(listen=listen)
    (line,) = error.value.problems
    assert line.startswith(f"fs-1c.toml: esl.outbound: listen: {listen} can be reached from elsewhere")
    assert "allowed only with allow" in line
    assert door(listen=listen, enabled=False)
    assert door(listen=listen, allow=["10.0.0.0/24"])


@pytest.mark.parametrize("network", ["10.0.0.5/24", "pbx.example", "", "10.0.0", "::/129", "1"])
def test_what_is_no_network_is_said(network: str) -> None:
    with pytest.raises(SettingsError) as error:
        door(allow=[network])
    (line,) = error.value.problems
    assert line.startswith("fs-1c.toml: esl.outbound.allow.0: allowed: networks, such as 10.0.0.0/24")


@pytest.mark.parametrize(
    ("allow", "peer", "in_"),
    [
        (["10.0.0.0/24"], "10.0.0.255", True),
        (["10.0.0.0/24"], "10.0.1.0", False),
        (["10.0.0.0/24"], "::ffff:10.0.0.7", True),
        (["10.0.0.0/24"], "::ffff:10.0.1.7", False),
        (["::ffff:10.0.0.0/120"], "10.0.0.7", True),
        (["::ffff:10.0.0.5"], "10.0.0.5", True),
        (["10.0.0.5"], "10.0.0.5", True),
        (["10.0.0.5"], "10.0.0.6", False),
        (["10.0.0.5"], "127.0.0.1", True),
        (["10.0.0.5"], "::1", True),
        (["10.0.0.5"], "::ffff:127.0.0.2", True),
        (["10.0.0.5", "fd00::/64"], "fd00::1", True),
        (["fd00::/64"], "fd01::1", False),
        (["fe80::/10"], "fe80::1%eth0", True),
        (["::/0"], "10.0.0.5", False),
        (["0.0.0.0/0"], "2001:db8::1", False),
    ],
)
def test_who_is_let_in(allow: list[str], peer: str, in_: bool) -> None:
    assert door(listen="0.0.0.0:8084", allow=allow).esl.outbound.lets_in(peer) is in_


@given(st.text(max_size=40))
def test_any_text_is_a_network_or_refused(text: str) -> None:
    try:
        parse_network(text)
    except ValueError as error:
        assert "allowed: networks" in str(error)


@pytest.mark.parametrize(
    ("dialect", "given", "inbound", "told"),
    [
        ("mobilon-3", None, True, True),
        ("mobilon-3", None, False, False),  # nobody would hear of whole calls
        ("mobilon-3", False, True, False),
        ("mobilon-2", None, True, False),  # only a base with our extension takes them
        ("mobilon-2", True, True, True),
        ("mobilon-1", None, True, False),
    ],
)
def test_1c_is_told_of_whole_calls_where_every_base_of_its_dialect_takes_them(
    dialect: str, given: bool | None, inbound: bool, told: bool
) -> None:
    esl = {"inbound": [{"address": "127.0.0.1:8021"}]} if inbound else {}
    sections = {"onec": {"url": "http://x/ws/y", "dialect": dialect}, "esl": esl}
    assert build({**sections, "history": {} if given is None else {"enabled": given}}).tells_history is told


def test_stock_unf_is_told_of_whole_calls() -> None:
    """Its card opens at a call that it has been told of, and at no other."""
    onec = {"url": "http://x/hs/telephony/itoolabs/", "dialect": "itoolabs", "crm_token": "x" * 20}
    assert build({"onec": onec, "esl": {"inbound": [{"address": "127.0.0.1:8021"}]}}).tells_history
