"""Whatever is answered is refused, or is read back from the files as it was answered."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from lxml import etree

from fs_1c.cards import parse
from fs_1c.settings import DialectName, load
from fs_1c.setup import answers as read
from fs_1c.setup import texts
from fs_1c.setup.answers import Answers, Mistake
from fs_1c.setup.placing import place
from fs_1c.setup.plan import Machine, Owner, planned
from tests.setup.support import TEMPLATE

NASTY = st.text(
    st.one_of(
        st.sampled_from("\"'\\${}()<>&;,|~[]#=:/@%\n\r\t\x00\x7f\x85\u2028\ufeff\ud800 "),
        st.characters(codec=None),
    ),
    max_size=30,
)
OWNER = Owner(None, None, 0o600, 0o700)


def understood(name: str, text: str) -> object:
    """The answer, or None if it is refused."""
    try:
        return getattr(read, name)(text)
    except Mistake as mistake:
        assert str(mistake)
        return None


@given(user=NASTY, password=NASTY, path=NASTY, key=NASTY, target=NASTY, token=NASTY, both=st.booleans())
@example('${system(id)}"', '"""\\', 'a?b="c"&d=\'e', '"a";b', "user/1000@${domain}", "a]b", True)
@example("x", " spaces at both ends ", "ws/VATS", "=1+1", "{a=b}user/1&<2>|sofia/gateway/x/8", "t", False)
def test_what_is_written_is_read_back(
    user: str, password: str, path: str, key: str, target: str, token: str, both: bool
) -> None:
    url = understood("url", f"http://1c.example/{path}") or "http://1c.example/ws/VATS"
    name, secret = understood("username", user) or "", understood("secret", password) or ""
    crm = understood("crm_token", token)
    rings = understood("target", target) or "user/1000@${domain}"
    try:
        keys = read.written_keys({"244": key, "100": "plain"})
    except Mistake:
        keys = ""
    answers = Answers(
        url=str(url),
        username=str(name),
        password=str(secret),
        dialect=DialectName.ITOOLABS if crm else DialectName.MOBILON_2,
        crm_token=str(crm or ""),
        keys=keys,
        keys_in_directory=both,
        event_socket=read.address("127.0.0.1:8021"),
        event_socket_password=str(secret or "ClueCon"),
        numbers=("74951234567",),
        target=str(rings),
    )
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / 'a "folder" \\ ${x}'
        plan = planned(answers, Machine(folder, Path("/var/lib/fs-1c"), OWNER), TEMPLATE)
        place(plan, lambda: None)
        settings = load(plan.settings)
        base, (switch,) = settings.onec["default"], settings.esl.inbound
        assert (base.url, base.username, base.secret()) == (url, name, secret)
        assert switch.secret() == answers.event_socket_password
        assert base.crm_secret() == answers.crm_token
        assert base.dialect is answers.dialect
        assert (settings.subscribers.file is not None) == bool(keys)
        assert settings.subscribers.directory is both
        if keys and settings.subscribers.file:
            found = parse(settings.subscribers.file.read_bytes(), {})
            assert found == ({"244": key, "100": "plain"}, [])
        assert values(folder / texts.BESIDE) == (str(rings), r"^(\+?74951234567|84951234567|4951234567)$")
        assert {one.name for one in folder.iterdir()} == {one.path.name for one in plan.files}


def values(dialplan: Path) -> tuple[str, str]:
    """The default target that a switch reads there, and the pattern of the number."""
    root = etree.parse(dialplan).getroot()
    (condition,) = root.iter("condition")
    actions = [(str(one.get("application")), str(one.get("data"))) for one in condition.iter("action")]
    assert [name for name, _ in actions] == [
        "multiset",
        "socket",
        "set_profile_var",
        "set",
        "bridge",
        "bridge",
    ]
    pairs = [one.strip().partition("=") for one in actions[0][1].removeprefix("^^~").split("~")]
    targets = [value for name, _, value in pairs if name == "fs_1c_default_target"]
    assert len(targets) == 1
    assert [name for name, _, _ in pairs] == [
        "continue_on_fail",
        "hangup_after_bridge",
        "fs_1c_default_target",
        "domain_name",
        "force_transfer_context",
        "transfer_ringback",
        "outbound_redirect_fatal",
        "export_vars",
    ]
    return targets[0], str(condition.get("expression"))


@pytest.mark.parametrize(
    ("typed", "dialled", "others"),
    [
        ("8 (495) 123-45-67", "74951234567 +74951234567 84951234567 4951234567", "74951234568 749512345670"),
        ("+77071234567", "77071234567 87071234567 +77071234567 7071234567", "17071234567"),
        ("+375291234567", "375291234567 +375291234567", "291234567 75291234567"),
        ("100", "100 +100", "1000 10"),
        ("74951234567; 101,", "84951234567 101", "100"),
        ("+7\u00a0(495)\u202f123\u201145\u201367", "74951234567", "100"),  # as a page has it
    ],
)
def test_a_number_is_taken_as_any_trunk_brings_it(typed: str, dialled: str, others: str) -> None:
    pattern = texts.expression(read.numbers(typed))
    assert all(re.search(pattern, one) for one in dialled.split())
    assert not any(re.search(pattern, one) for one in others.split())


@pytest.mark.parametrize(
    "typed", ["seven four nine five", ",", "7495123456x", "sip:100@x", "+", "7495;id", "٧٤٩٥"]
)
def test_no_number(typed: str) -> None:
    with pytest.raises(Mistake, match="no telephone number"):
        read.numbers(typed)


@pytest.mark.parametrize(
    ("typed", "rings"),
    [
        ("1000", "user/1000@${domain}"),
        (" user/1000@${domain} ", "user/1000@${domain}"),
        (
            "[leg_timeout=5]user/1@$${domain},sofia/gateway/t/8",
            "[leg_timeout=5]user/1@$${domain},sofia/gateway/t/8",
        ),
        ("${system(reboot)}", None),
        ("user/1000@${domain}~a=b", None),
        ("user/'1000'", None),
        ("user/1000 @x", None),
        ("reception", None),
        ("${domain}", None),
        ("$100/5", None),
    ],
)
def test_a_target(typed: str, rings: str | None) -> None:
    assert understood("target", typed) == rings


@given(st.one_of(NASTY, st.text(st.sampled_from("uUser/10@${}domain.,|<>[]()"), max_size=40)))
def test_a_target_calls_nothing(typed: str) -> None:
    rings = understood("target", typed)
    if rings is not None:
        assert not re.search(r"\$\$?\{[^}]*[(\s]", str(rings))
        assert not re.search("[~'\"\\\\\\s]", str(rings))


@pytest.mark.parametrize(
    ("name", "typed", "what"),
    [
        ("url", "1c.example/ws/VATS", "allowed: http://HOST"),
        ("url", "ftp://1c.example/ws/VATS", "allowed: http://HOST"),
        ("url", "http://SOAP:s3cret@1c.example/ws/VATS", "settings of their own"),
        ("username", "a:b", "without a colon"),
        ("dialect", "mobilon", "allowed: mobilon-1, mobilon-2"),
        ("address", "8021", "HOST:PORT"),
        ("address", "127.0.0.1:0", "port is missing"),
        ("address", "127.0.0.1:80210", "HOST:PORT"),
        ("secret", "two\nlines", "one line"),
        ("crm_token", "with space", "without spaces"),
        ("client", "Ivanov", "allowed: one such as"),
        ("client", "244", "no client's telephone number"),
        ("extension", "Иванов", "is no extension"),
        ("extension", "+7 (495) 123-45-67", "is no extension"),
        ("address", "http://127.0.0.1:8021", "HOST:PORT, such as 127.0.0.1:8021"),
        ("url", "http://127.0.0.1:99999/ws/VATS", "allowed: http://HOST"),
        ("extension", "24x", "no extension"),
        ("extension", "244,KEY", "no extension"),
        ("history", "perhaps", "yes or no"),
        ("keys", "244", "allowed is extension,key"),
        ("keys", "", "no key in it"),
        ("keys", "244,A\n244,B", "two keys"),
    ],
)
def test_what_is_refused_says_what_is_allowed(name: str, typed: str, what: str) -> None:
    with pytest.raises(Mistake, match=re.escape(what)) as told:
        getattr(read, name)(typed)
    assert "s3cret" not in str(told.value)


def test_answers_do_not_show_their_secrets() -> None:
    answers = Answers(url="http://x", password="s3cret", crm_token="t0ken", keys="244,KEY")
    plan = planned(answers, Machine(Path("/x"), Path("/y"), OWNER), TEMPLATE)
    for secret in ("s3cret", "t0ken", "KEY"):
        assert secret not in repr(answers) + repr(plan)
