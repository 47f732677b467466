"""The service described as 1C does at `?wsdl`: WSDL 1.1, document/literal wrapped, both SOAPs. Pure."""

from xml.sax.saxutils import quoteattr

from fs_1c.simulator.onec.dialects import Dialect


def wsdl(dialect: Dialect, namespace: str, address: str) -> bytes:
    """The document; `address` is the URL that clients are to send operations to."""
    service, operations = dialect.service, dialect.operations
    ns = quoteattr(namespace)
    messages = "".join(_message(f"{name}{kind}") for name in operations for kind in ("", "Response"))
    port_operations = "".join(
        f"""
        <operation name="{name}">
            <input message="tns:{name}Message"/>
            <output message="tns:{name}ResponseMessage"/>
        </operation>"""
        for name in operations
    )
    kinds = (("Soap", "soapbind"), ("Soap12", "soap12bind"))
    bindings = "".join(_binding(dialect, namespace, kind, prefix) for kind, prefix in kinds)
    ports = "".join(_port(service, kind, prefix, address) for kind, prefix in kinds)
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="http://schemas.xmlsoap.org/wsdl/"
        xmlns:soapbind="http://schemas.xmlsoap.org/wsdl/soap/"
        xmlns:soap12bind="http://schemas.xmlsoap.org/wsdl/soap12/"
        xmlns:xs="http://www.w3.org/2001/XMLSchema"
        xmlns:tns={ns}
        name="{service}"
        targetNamespace={ns}>
    <types>
        <xs:schema targetNamespace={ns} attributeFormDefault="unqualified" elementFormDefault="qualified">{
        "".join(
            _element(name, signature.parameters) + _element(f"{name}Response", ("return",))
            for name, signature in operations.items()
        )
    }
        </xs:schema>
    </types>{messages}
    <portType name="{service}PortType">{port_operations}
    </portType>{bindings}
    <service name="{service}">{ports}
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


def _binding(dialect: Dialect, namespace: str, kind: str, prefix: str) -> str:
    service = dialect.service
    operations = "".join(
        f"""
        <operation name="{name}">
            <{prefix}:operation style="document" soapAction={quoteattr(f"{namespace}#{service}:{name}")}/>
            <input>
                <{prefix}:body use="literal"/>
            </input>
            <output>
                <{prefix}:body use="literal"/>
            </output>
        </operation>"""
        for name in dialect.operations
    )
    return f"""
    <binding name="{service}{kind}Binding" type="tns:{service}PortType">
        <{prefix}:binding style="document" transport="http://schemas.xmlsoap.org/soap/http"/>{operations}
    </binding>"""


def _port(service: str, kind: str, prefix: str, address: str) -> str:
    return f"""
        <port name="{service}{kind}" binding="tns:{service}{kind}Binding">
            <{prefix}:address location={quoteattr(address)}/>
        </port>"""
