"""docs/1c without a 1C platform: modules by a parser of 1C's language, XML against itself and the WSDL, the
WSDL and the guide's commands against the simulator.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import tree_sitter_bsl
from lxml import etree
from tree_sitter import Language, Node, Parser

from fs_1c.settings import OneCSettings
from fs_1c.settings.keeping import HistorySettings
from fs_1c.simulator.onec import OneCSimulator, OneCSimulatorSettings
from tests import ROOT

DOCS = ROOT / "docs"
ONEC = DOCS / "1c"
EXTENSION = ONEC / "extension"
GUIDE = (DOCS / "ru" / "1c.md").read_text("utf-8")
PLACEHOLDER = "http://1c.example:8080/telephony/ws/VATS"
MD = "{http://v8.1c.ru/8.3/MDClasses}"
WSDL = "{http://schemas.xmlsoap.org/wsdl/}"
XS = "{http://www.w3.org/2001/XMLSchema}"
VRD = "{http://v8.1c.ru/8.2/virtual-resource-system}"
KINDS = (
    "Language",
    "Role",
    "CommonModule",
    "CommonCommand",
    "WebService",
    "ScheduledJob",
    "InformationRegister",
)
MODULES = sorted(EXTENSION.rglob("*.bsl"))
XMLS = sorted([*EXTENSION.rglob("*.xml"), ONEC / "VATS.wsdl", ONEC / "default.vrd"])
OBJECTS = {(kind, path.stem): path for kind in KINDS for path in EXTENSION.glob(f"{kind}s/*.xml")}
SERVICE = EXTENSION / "WebServices" / "VATS" / "Ext" / "Module.bsl"
APPLICATION = EXTENSION / "Ext" / "ManagedApplicationModule.bsl"
GLOBAL_MODULE = "ФС1С_КарточкаГлобальный"
CLIENT_MODULE = "ФС1С_ЗвонокКлиент"
COMMAND = EXTENSION / "CommonCommands" / "ФС1С_Позвонить" / "Ext" / "CommandModule.bsl"
_rows = (ROOT / "tests" / "data" / "bsl_platform.tsv").read_text("utf-8").splitlines()
PLATFORM = {(row[0], row[1]): row[3] for row in (line.split("\t") for line in _rows if line[:1] != "#")}
"""(type or nothing, name) → where it may be called: of the platform's own, what the modules use. The file
says whose list that is.
"""

_parser = Parser(Language(tree_sitter_bsl.language()))  # type: ignore[attr-defined]  # its stub is empty


def tree(source: str) -> Node:
    return _parser.parse(source.encode()).root_node


def walk(node: Node, kind: str = "") -> Iterator[Node]:
    if kind in ("", node.type):
        yield node
    for child in node.children:
        yield from walk(child, kind)


def errors(source: str) -> list[str]:
    return [f"line {n.start_point[0] + 1}" for n in walk(tree(source)) if n.is_error or n.is_missing]


def text(node: Node | None) -> str:
    return node.text.decode() if node is not None and node.text is not None else ""


def methods(path: Path) -> dict[str, tuple[list[str], int, bool, str]]:
    """Name → (parameters, how many are required, is it exported, source)."""
    found = {}
    root = tree(path.read_text("utf-8-sig"))
    for node in (*walk(root, "function_definition"), *walk(root, "procedure_definition")):
        parameters = list(walk(node, "parameter"))
        required = sum(p.child_by_field_name("def") is None for p in parameters)
        names = [text(p.child_by_field_name("name")) for p in parameters]
        exported = node.child_by_field_name("export") is not None
        found[text(node.child_by_field_name("name"))] = (names, required, exported, text(node))
    return found


def calls(source: str) -> Iterator[tuple[str, str, list[Node]]]:
    """(the name before the dot or nothing, the method, the arguments) of each call."""
    for node in walk(tree(source), "method_call"):
        before = (
            re.search(r"(\w+|\W)\.$", text(node.parent).partition(text(node))[0]) if node.parent else None
        )
        arguments = node.child_by_field_name("arguments")
        given = [n for n in arguments.children if n.type == "expression"] if arguments else []
        yield before[1] if before else "", text(node.child_by_field_name("name")), given


def properties(path: Path) -> dict[str, str]:
    node = etree.parse(path).find(f"{MD}*/{MD}Properties")
    assert node is not None
    return {str(etree.QName(child).localname): child.text or "" for child in node}


def fields(register: str) -> set[str]:
    described = etree.parse(OBJECTS["InformationRegister", register])
    return {str(e.text) for e in described.iterfind(f"{MD}*/{MD}ChildObjects/*/{MD}Properties/{MD}Name")}


def canonical(document: bytes) -> bytes:
    parser = etree.XMLParser(remove_blank_text=True, remove_comments=True)
    return etree.tostring(etree.fromstring(document, parser), method="c14n2")


def module(name: str) -> Path:
    return EXTENSION / "CommonModules" / name / "Ext" / "Module.bsl"


@pytest.fixture(scope="module")
def onec() -> Iterator[OneCSimulator]:
    with OneCSimulator(OneCSimulatorSettings(port=0, username="SOAP", password="secret")) as running:
        yield running


def test_wsdl_is_what_the_simulator_serves(onec: OneCSimulator) -> None:
    served = requests.get(f"{onec.url}?wsdl", auth=("SOAP", "secret"), timeout=5)
    ours = (ONEC / "VATS.wsdl").read_bytes()
    assert ours.count(PLACEHOLDER.encode()) == 2
    assert canonical(served.content.replace(onec.url.encode(), PLACEHOLDER.encode())) == canonical(ours)
    assert canonical(served.content) != canonical(ours)


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(EXTENSION)))
def test_module_parses(path: Path) -> None:
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")  # as the Designer writes it
    assert methods(path) and errors(path.read_text("utf-8-sig")) == []


@pytest.mark.parametrize("cut", ["КонецЕсли", "Тогда", "КонецФункции", ")"])
def test_the_parser_sees_a_broken_module(cut: str) -> None:
    assert errors(module("ФС1С_Поиск").read_text("utf-8-sig").replace(cut, "", 1))


@pytest.mark.parametrize("path", XMLS, ids=lambda p: str(p.relative_to(ONEC)))
def test_xml_is_well_formed(path: Path) -> None:
    version = etree.parse(path).getroot().get("version")
    if path.is_relative_to(EXTENSION):
        assert version == "2.13" and path.read_bytes().startswith(b"\xef\xbb\xbf<?xml")


def test_objects_are_named_as_their_files() -> None:
    for (kind, name), path in OBJECTS.items():
        assert etree.parse(path).find(f"{MD}{kind}") is not None, path
        assert properties(path)["Name"] == name, path
        assert name.startswith("ФС1С_") or (kind, name) in (("Language", "Русский"), ("WebService", "VATS"))


def test_configuration_lists_exactly_what_is_there() -> None:
    children = etree.parse(EXTENSION / "Configuration.xml").iterfind(f"{MD}Configuration/{MD}ChildObjects/*")
    listed = [(str(etree.QName(child).localname), str(child.text)) for child in children]
    assert sorted(listed) == sorted(OBJECTS)
    given = properties(EXTENSION / "Configuration.xml")
    assert (given["ConfigurationExtensionPurpose"], given["NamePrefix"]) == ("Customization", "ФС1С_")


def test_what_is_adopted_says_so_where_a_dump_of_its_format_does() -> None:
    """Format 2.13; newer formats have it first."""
    after = {"Configuration.xml": "ConfigurationExtensionPurpose", "Languages/Русский.xml": "Comment"}
    for name, before in after.items():
        order = list(properties(EXTENSION / name))
        assert order[order.index("ObjectBelonging") - 1] == before
    adopted = [p for p in OBJECTS.values() if "ObjectBelonging" in properties(p)]
    assert adopted == [EXTENSION / "Languages" / "Русский.xml"]


def test_no_file_belongs_to_nothing() -> None:
    kinds = {"CommonModule": "Module.bsl", "WebService": "Module.bsl"}
    inside = kinds | {
        "Role": "Rights.xml",
        "ScheduledJob": "Schedule.xml",
        "CommonCommand": "CommandModule.bsl",
    }
    expected = {*OBJECTS.values(), EXTENSION / "Configuration.xml", APPLICATION}
    expected |= {p.with_suffix("") / "Ext" / inside[k] for (k, _), p in OBJECTS.items() if k in inside}
    assert {p for p in EXTENSION.rglob("*") if p.is_file()} == expected


def test_identifiers_are_unique() -> None:
    own = re.compile(r'uuid="([^"]*)"|<xr:(?:TypeId|ValueId|ObjectId)>([^<]*)<')
    paths = [*OBJECTS.values(), EXTENSION / "Configuration.xml"]
    found = [a or b for path in paths for a, b in own.findall(path.read_text("utf-8-sig"))]
    assert len(found) == len(set(found)) > 80
    assert all(re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", each) for each in found)


def test_web_service_is_the_one_of_the_wsdl() -> None:
    wsdl = etree.parse(ONEC / "VATS.wsdl").getroot()
    elements = {e.get("name"): e for e in wsdl.iterfind(f"{WSDL}types/{XS}schema/{XS}element")}
    names = [operation.get("name") for operation in wsdl.iterfind(f"{WSDL}portType/{WSDL}operation")]
    promised = {n: [e.get("name") for e in elements[n].iterfind(f".//{XS}sequence/*")] for n in names}
    service = etree.parse(OBJECTS["WebService", "VATS"])
    published, name = {}, f"{MD}Properties/{MD}Name"
    for operation in service.iter(f"{MD}Operation"):
        parameters = [p.findtext(name) for p in operation.iter(f"{MD}Parameter")]
        published[operation.findtext(name)] = parameters
        handler = operation.findtext(f"{MD}Properties/{MD}ProcedureName")
        assert methods(SERVICE)[str(handler)][0] == parameters
        assert operation.findtext(f"{MD}Properties/{MD}XDTOReturningValueType") == "xs:string"
    cards = {"SayName": ["Number"], "IncomingCall": ["NumFrom", "Key"]}
    assert published == promised == {**cards, "CallEvent": ["Data"]}
    assert properties(OBJECTS["WebService", "VATS"])["Namespace"] == wsdl.get("targetNamespace")
    assert {e.text for e in service.iter(f"{MD}XDTOValueType")} == {"xs:string"}


def test_publication_names_the_service() -> None:
    (point,) = etree.parse(ONEC / "default.vrd").iterfind(f"{VRD}ws/{VRD}point")
    file = properties(OBJECTS["WebService", "VATS"])["DescriptorFileName"]
    assert (point.get("name"), point.get("alias"), point.get("enable")) == ("VATS", file, "true")
    sessions = ["reuseSessions", "sessionMaxAge", "poolSize", "poolTimeout"]
    assert [point.get(each) for each in sessions] == ["autouse", "20", "10", "5"]


def test_calls_between_modules_fit() -> None:
    seen = set()
    everywhere = {name for name, (_, _, exported, _) in methods(module(GLOBAL_MODULE)).items() if exported}
    for path in MODULES:
        for owner, name, given in calls(path.read_text("utf-8-sig")):
            if ("", name) in PLATFORM if not owner else ("CommonModule", owner) not in OBJECTS:
                continue
            if not owner and name in everywhere:
                owner = GLOBAL_MODULE
            known = methods(module(owner) if owner else path).get(name)
            assert known is not None and (known[2] or not owner), f"{path}: {owner}.{name} is not there"
            assert known[1] <= len(given) <= len(known[0]), f"{path}: {owner}.{name}"
            seen.add(owner)
    modules = "ВызовСервера Звонок ЗвонокКлиент История КарточкаГлобальный Номера Очередь".split()
    modules += ["Переопределяемый", "Поиск", "Привилегированный"]
    assert {f"ФС1С_{n}" for n in modules} | {""} == seen


def of_the_platform(path: Path) -> Iterator[tuple[str, str]]:
    """(type, name) of each call that is not of our own modules. The type of what a variable holds is known
    where that method itself makes it, else it is `?`.
    """
    ours = set(methods(path)) | set(methods(module(GLOBAL_MODULE)))
    for _, _, _, source in methods(path).values():
        made = dict(re.findall(r"(\w+) = Новый (\w+)", source))
        for owner, name, _ in calls(source):
            if owner and ("CommonModule", owner) not in OBJECTS:
                yield made.get(owner, "?"), name
            elif not owner and name not in ours:
                yield "", name


def test_every_global_and_method_is_on_the_public_list() -> None:
    called = {each for path in MODULES for each in of_the_platform(path)}
    names = {name for of_type, name in PLATFORM if of_type}
    assert {
        each for each in called if each not in PLATFORM and not (each[0] == "?" and each[1] in names)
    } == set()
    used = {name for _, name in called}
    constants = "\n".join(path.read_text("utf-8-sig") for path in MODULES)
    assert [each for each in PLATFORM if each[1] not in used and ".".join(each) not in constants] == []


def test_the_public_list_sees_a_slip_of_the_pen(tmp_path: Path) -> None:
    source = module("ФС1С_Очередь").read_text("utf-8-sig")
    for right, wrong in (
        ("СтрДлина", "СтрокаДлина"),
        ("Заблокировать", "Залочить"),
        ("УстановитьПараметр", "Вставить"),
    ):
        broken = tmp_path / "Module.bsl"
        broken.write_text(
            source.replace(f"{right}(", f"{wrong}(") + f"\nПроцедура П()\n\t{wrong}();\nКонецПроцедуры\n"
        )
        found = set(of_the_platform(broken)) - set(PLATFORM)
        assert any(name == wrong for _, name in found), wrong


def test_the_client_calls_nothing_of_the_servers() -> None:
    for path, fewest in (
        (module(GLOBAL_MODULE), 5),
        (module(CLIENT_MODULE), 5),
        (APPLICATION, 0),
        (COMMAND, 0),
    ):
        called = {name for of_type, name in of_the_platform(path) if not of_type}
        assert len(called) >= fewest and "server" not in {PLATFORM["", name] for name in called}


def test_what_the_platform_calls_exists() -> None:
    job = properties(OBJECTS["ScheduledJob", "ФС1С_ОбновлениеНомеров"])
    kind, owner, name = job["MethodName"].split(".")
    assert kind == "CommonModule" and methods(module(owner))[name][:3] == ([], 0, True)
    assert '&После("ПриНачалеРаботыСистемы")' in APPLICATION.read_text("utf-8-sig")
    client = module(GLOBAL_MODULE)
    handlers = re.findall(r'ПодключитьОбработчикОжидания\("(\w+)", (\d+)', client.read_text("utf-8-sig"))
    assert sorted(handlers) == [("ФС1С_ПовторитьНачало", "60"), ("ФС1С_ПроверитьЗвонки", "5")]
    assert all(methods(client)[handler][:3] == ([], 0, True) for handler, _ in handlers)
    assert properties(OBJECTS["CommonModule", GLOBAL_MODULE])["Global"] == "true"
    assert properties(OBJECTS["CommonModule", "ФС1С_ВызовСервера"])["ServerCall"] == "true"


def test_queries_are_parameterised_and_read_what_is_there() -> None:
    queries = 0
    for path in MODULES:
        for name, (_, _, _, source) in methods(path).items():
            query = "".join(each for each in map(text, walk(tree(source), "string")) if "ВЫБРАТЬ" in each)
            queries += bool(query)
            given = re.findall(r'УстановитьПараметр\("(\w+)"', source)
            assert set(re.findall(r"&(\w+)", query)) == set(given), name
            assert not re.search(r"ПОДОБНО|ПОДСТРОКА", query)
            for register, alias in re.findall(r"РегистрСведений\.(\w+) КАК (\w+)", query):
                assert set(re.findall(rf"\b{alias}\.(\w+)", query)) <= fields(register), name
    assert queries == 15
    assert not any(re.search(r"Запрос\.Текст = [^;]*\"\s*\+", p.read_text("utf-8-sig")) for p in MODULES)


def test_markup_is_never_joined_from_strings() -> None:
    assert "Новый ЗаписьXML" in SERVICE.read_text("utf-8-sig")
    for path in MODULES:
        literals = [text(n) for n in walk(tree(path.read_text("utf-8-sig")), "string_content")]
        assert not [each for each in literals if re.search(r"</?\w|<[?!]", each)], path


def test_keys_stay_where_they_are() -> None:
    for path in MODULES:
        for _, name, given in calls(path.read_text("utf-8-sig")):
            if name == "ЗаписьЖурналаРегистрации":
                assert not re.search(r"Key|Ключ", "".join(map(text, given)))
    assert "Ключ" not in fields("ФС1С_Звонки") | fields("ФС1С_ИсторияЗвонков")
    roles = [
        path for path in EXTENSION.glob("Roles/*/Ext/Rights.xml") if "ФС1С_Абоненты<" in path.read_text()
    ]
    assert {path.parts[-3] for path in roles} == {"ФС1С_Служба", "ФС1С_Настройка"}


def test_a_key_never_comes_to_the_client() -> None:
    """One module has full rights; the client calls it not, nor gets what it knows but by one that does."""
    flags = ("Privileged", "ServerCall", "ClientManagedApplication")
    found = {
        name: properties(OBJECTS["CommonModule", name]) for kind, name in OBJECTS if kind == "CommonModule"
    }
    set_ = {name: [flag for flag in flags if given[flag] == "true"] for name, given in found.items()}
    assert [name for name, given in set_.items() if "Privileged" in given] == ["ФС1С_Привилегированный"]
    assert set_["ФС1С_Привилегированный"] == ["Privileged"] and set_["ФС1С_Звонок"] == []
    for path in (module("ФС1С_ВызовСервера"), module(CLIENT_MODULE), module(GLOBAL_MODULE), COMMAND):
        root = tree(path.read_text("utf-8-sig"))
        assert not [n for n in walk(root, "identifier") if "Ключ" in text(n)], path
        assert "ФС1С_Привилегированный" not in {owner for owner, _, _ in calls(text(root))}
    made = methods(module("ФС1С_Звонок"))
    assert 'Структура("Сделан, Номер, ВнутреннийНомер, Текст"' in made["Позвонить"][3]
    assert "Новый СертификатыУдостоверяющихЦентровОС" in made["Попросить"][3]


def test_rights_are_of_what_exists() -> None:
    rights = "{http://v8.1c.ru/8.2/roles}"
    names = {f"{kind}.{name}" for kind, name in OBJECTS}
    names |= {f"WebService.VATS.Operation.{name}" for name in ("SayName", "IncomingCall", "CallEvent")}
    roles = [etree.parse(path) for path in EXTENSION.glob("Roles/*/Ext/Rights.xml")]
    granted = {e.text for role in roles for e in role.iterfind(f"{rights}object/{rights}name")}
    assert granted == {
        name for name in names if re.search(r"\.Operation\.|InformationRegister|CommonCommand", name)
    }


def fenced(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", GUIDE, re.DOTALL | re.MULTILINE)


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl")
@pytest.mark.parametrize("command", [block for block in fenced("sh") if PLACEHOLDER in block])
def test_commands_of_the_guide(onec: OneCSimulator, command: str) -> None:
    assert PLACEHOLDER in command
    local = command.replace(PLACEHOLDER, onec.url).replace("curl ", "curl --fail --noproxy '*' ", 1)
    done = subprocess.run(["sh", "-c", local], capture_output=True, timeout=20, check=True)
    answer = etree.fromstring(done.stdout)
    said = "".join(map(str, answer.itertext())).strip()
    if "?wsdl" in command:
        assert answer.tag == f"{WSDL}definitions"
    else:
        assert "Фэйковый чиж" in said if "<SayName" in command else said == "1"


def test_guide(tmp_path: Path) -> None:
    assert "Платформы 1С под рукой не было" in GUIDE[:200]
    assert "No 1C platform was at hand" in (ONEC / "README.md").read_text("utf-8")[:200]
    assert len(fenced("bsl")) == 4 and not any(errors(block) for block in fenced("bsl"))
    (tmp_path / "password").write_text("secret")
    settings, history = fenced("toml")
    assert HistorySettings(**tomllib.loads(history)["history"]).enabled
    onec = OneCSettings(**tomllib.loads(settings.replace("/etc/fs-1c/", f"{tmp_path}/"))["onec"])
    assert (onec.url, onec.username) == (PLACEHOLDER, "SOAP")
    assert len([block for block in fenced("sh") if PLACEHOLDER in block]) == 4
    errors_table = GUIDE.partition("## 11.")[2]
    assert all(status in errors_table for status in "400 401 402 403 404 406 500 502 503 504".split())
