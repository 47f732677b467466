"""The service described as 1C does at `?wsdl`: WSDL 1.1, document/literal wrapped, both SOAPs. Pure."""

from xml.sax.saxutils import quoteattr

from fs_1c.simulator.onec.service import OPERATIONS

SERVICE = "VATS"


def wsdl(namespace: str, address: str) -> bytes:
    """The document; `address` is the URL that clients are to send operations to."""
    ns = quoteattr(namespace)
    messages = "".join(_message(f"{name}{kind}") for name in OPERATIONS for kind in ("", "Response"))
    port_operations = "".join(
        f"""
        <operation name="{name}">
            <input message="tns:{name}Message"/>
            <output message="tns:{name}ResponseMessage"/>
        </operation>"""
        for name in OPERATIONS
    )
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="http://schemas.xmlsoap.org/wsdl/"
        xmlns:soapbind="http://schemas.xmlsoap.org/wsdl/soap/"
        xmlns:soap12bind="http://schemas.xmlsoap.org/wsdl/soap12/"
        xmlns:xs="http://www.w3.org/2001/XMLSchema"
        xmlns:tns={ns}
        name="{SERVICE}"
        targetNamespace={ns}>
    <types>
        <xs:schema targetNamespace={ns} attributeFormDefault="unqualified" elementFormDefault="qualified">{
        "".join(
            _element(name, signature.parameters) + _element(f"{name}Response", ("return",))
            for name, signature in OPERATIONS.items()
        )
    }
        </xs:schema>
    </types>{messages}
    <portType name="{SERVICE}PortType">{port_operations}
    </portType>{_binding("Soap", "soapbind", namespace)}{_binding("Soap12", "soap12bind", namespace)}
    <service name="{SERVICE}">{_port("Soap", "soapbind", address)}{_port("Soap12", "soap12bind", address)}
    </service>
</definitions>
""".encode()


def _element(name: str, children: tuple[str, ...]) -> str:
    inside = "".join(
        f"""
                        <xs:element name="{child}" type="xs:string"/>"""
        for child in children
    )
    return f"""
            <xs:element name="{name}">
                <xs:complexType>
                    <xs:sequence>{inside}
                    </xs:sequence>
                </xs:complexType>
            </xs:element>"""


def _message(element: str) -> str:
    return f"""
    <message name="{element}Message">
        <part name="parameters" element="tns:{element}"/>
    </message>"""


def _binding(kind: str, prefix: str, namespace: str) -> str:
    operations = "".join(
        f"""
        <operation name="{name}">
            <{prefix}:operation style="document" soapAction={quoteattr(f"{namespace}#{SERVICE}:{name}")}/>
            <input>
                <{prefix}:body use="literal"/>
            </input>
            <output>
                <{prefix}:body use="literal"/>
            </output>
        </operation>"""
        for name in OPERATIONS
    )
    return f"""
    <binding name="{SERVICE}{kind}Binding" type="tns:{SERVICE}PortType">
        <{prefix}:binding style="document" transport="http://schemas.xmlsoap.org/soap/http"/>{operations}
    </binding>"""


def _port(kind: str, prefix: str, address: str) -> str:
    return f"""
        <port name="{SERVICE}{kind}" binding="tns:{SERVICE}{kind}Binding">
            <{prefix}:address location={quoteattr(address)}/>
        </port>"""
