"""The simulated 1C through zeep, a SOAP client that knows only what the WSDL tells it."""

from collections.abc import Iterator

import pytest
import requests
from lxml import etree

from fs_1c.simulator.onec import Fault, OneCSimulator, OneCSimulatorSettings
from fs_1c.simulator.onec.dialects import inner_xml
from tests.support import SOON

zeep = pytest.importorskip("zeep")

PORTS = [("VATSSoap", "1.1"), ("VATSSoap12", "1.2")]

PREANSWER = (
    '{"state": "PREANSWER", "direction": "incoming", "from": "89235292926", "to": "244", "userkey": "2", '
    '"uuid": "call-1", "time": 1}'
)


@pytest.fixture
def onec() -> Iterator[OneCSimulator]:
    settings = OneCSimulatorSettings(port=0, username="SOAP", password="123")
    with OneCSimulator(settings) as running:
        yield running


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as authorized:
        authorized.auth = ("SOAP", "123")
        yield authorized


@pytest.mark.parametrize(("port", "soap_version"), PORTS)
def test_both_operations_in_both_bindings(
    onec: OneCSimulator, session: requests.Session, port: str, soap_version: str
) -> None:
    client = zeep.Client(onec.url + "?wsdl", transport=zeep.Transport(session=session, timeout=SOON))
    service = client.bind("VATS", port)
    answer = service.SayName(Number="89235292926")
    assert answer == inner_xml(onec.clients.find("89235292926"))
    assert service.SayName(Number="89990000000") == inner_xml(None)
    assert service.IncomingCall(NumFrom="89235292926", Key="gW3cyUJAtl50PhF") == "1"
    assert [(request.operation, request.soap_version) for request in onec.requests] == [
        ("SayName", soap_version),
        ("SayName", soap_version),
        ("IncomingCall", soap_version),
    ]
    assert [card.num_from for card in onec.cards] == ["89235292926"]


@pytest.mark.parametrize(("port", "soap_version"), PORTS)
def test_a_fault_is_a_fault_to_zeep(
    onec: OneCSimulator, session: requests.Session, port: str, soap_version: str
) -> None:
    client = zeep.Client(onec.url + "?wsdl", transport=zeep.Transport(session=session, timeout=SOON))
    service = client.bind("VATS", port)
    message = client.create_message(service, "SayName", Number="1")
    for element in message.iter("{http://VATS}Number"):
        element.tag = "{http://VATS}number"
    binding = service._binding
    with pytest.raises(zeep.exceptions.Fault, match="XDTO"):
        answer = client.transport.post_xml(onec.url, message, {"Content-Type": "text/xml"})
        binding.process_reply(client, binding.get("SayName"), answer)
    assert onec.requests[-1].soap_version == soap_version


@pytest.mark.parametrize("soap", ["Soap", "Soap12"])
def test_the_other_dialects_by_their_own_wsdl(soap: str) -> None:
    with OneCSimulator(OneCSimulatorSettings(port=0, dialect="mobilon-1")) as onec:
        service = zeep.Client(onec.url + "?wsdl").bind("ImportTasks", f"ImportTasks{soap}")
        assert service.SayName(number="83833630011") == "VIP:Ренессанс Капитал"
        assert "IncomingCall" not in dir(service)
    with OneCSimulator(OneCSimulatorSettings(port=0, dialect="mobilon-3")) as onec:
        service = zeep.Client(onec.url + "?wsdl").bind("VATScalls", f"VATScalls{soap}")
        assert service.SayName(Number="89235292926") == inner_xml(onec.clients.find("89235292926"))
        assert service.Event(Data=PREANSWER) == "1"
        assert len(onec.cards) == 1


def test_1cs_html_errors_break_zeep_as_in_the_field(onec: OneCSimulator, session: requests.Session) -> None:
    client = zeep.Client(onec.url + "?wsdl", transport=zeep.Transport(session=session, timeout=SOON))
    onec.fault = Fault("base-down")
    with pytest.raises(zeep.exceptions.Error):
        client.service.SayName(Number="1")
    onec.fault = Fault("code-error")
    with pytest.raises(zeep.exceptions.Fault, match="Деление на 0"):
        client.service.SayName(Number="1")


def test_the_address_is_the_host_the_client_asked(onec: OneCSimulator, session: requests.Session) -> None:
    def address(host: str) -> str:
        document = session.get(onec.url + "?WSDL", headers={"Host": host}, timeout=SOON).content
        locations = {element.get("location") for element in etree.fromstring(document).iter("{*}address")}
        assert len(locations) == 1
        return str(locations.pop())

    assert address("1c.example:8080") == "http://1c.example:8080/telephony/ws/VATS"
    assert address('"><evil/>') == 'http://"><evil/>/telephony/ws/VATS'
