"""What 1C is asked and says, in full: requests, answers and faults for several tests."""

from __future__ import annotations

from fs_1c.onec import Answer
from tests.support import inner

# The requests and the answers as Mobilon's description of the 1C integration prints them.
SEED_SAY_NAME = """<?xml version="1.0" encoding="utf-8"?>
<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/">
    <soap:Body>
        <SayName xmlns="http://VATS">
            <Number>89235292926</Number>
        </SayName>
    </soap:Body>
</soap:Envelope>
"""
SEED_INCOMING_CALL = """<?xml version="1.0" encoding="utf-8"?>
<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/">
    <soap:Body>
        <IncomingCall xmlns="http://VATS">
            <NumFrom>89235292926</NumFrom>
            <Key>gW3cyUJAtl50PhF</Key>
        </IncomingCall>
    </soap:Body>
</soap:Envelope>
"""
SEED_NAME = """<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/">
    <soap:Body>
        <m:SayNameResponse xmlns:m="http://VATS">
            <m:return xmlns:xs="http://www.w3.org/2001/XMLSchema"
                    xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">&lt;?xml version="1.0"?&gt;
&lt;data&gt;
    &lt;title&gt; Фэйковый чиж&lt;/title&gt;
    &lt;category&gt;0&lt;/category&gt;
    &lt;manager&gt;
        &lt;phone&gt;244&lt;/phone&gt;
    &lt;/manager&gt;
&lt;/data&gt;
</m:return>
        </m:SayNameResponse>
    </soap:Body>
</soap:Envelope>
"""
SEED_ACCEPTED = """<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/">
    <soap:Body>
        <m:IncomingCallResponse xmlns:m="http://VATS">
            <m:return xmlns:xs="http://www.w3.org/2001/XMLSchema"
                    xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">1</m:return>
        </m:IncomingCallResponse>
    </soap:Body>
</soap:Envelope>
"""
FAULT_1_1 = """<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><soap:Fault>
<faultcode>soap:Client</faultcode><faultstring>{ОбщийМодуль.VATS.Модуль(12)}: Поле объекта не обнаружено
(Контакт)</faultstring><detail/></soap:Fault></soap:Body></soap:Envelope>"""
FAULT_1_2 = """<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body><s:Fault>
<s:Code><s:Value>s:Receiver</s:Value></s:Code><s:Reason><s:Text xml:lang="ru">Деление на 0</s:Text></s:Reason>
</s:Fault></s:Body></s:Envelope>"""
SEED = Answer("Фэйковый чиж", "0", "244")
NOBODY = Answer()
ANSWERS = {
    "the seed": (inner(" Фэйковый чиж", "0", "244"), SEED),
    "the seed's commented example": (
        '<?xml version="1.0"?>\n<data>\n    <title>Фэйковый чиж</title>    //название клиента\n'
        "    <category>0</category>         //категория клиента\n    <manager> \n"
        "        <phone>244</phone>         //телефон ответственного менеджера\n    </manager>\n</data>",
        SEED,
    ),
    "on one line": (
        "<data><title>Фэйковый чиж</title><category>0</category><manager><phone>244</phone></manager></data>",
        SEED,
    ),
    "CRLF": (inner(" Фэйковый чиж", "0", "244").replace("\n", "\r\n"), SEED),
    "a BOM": ("\ufeff" + inner("Фэйковый чиж", "0", "244"), SEED),
    "line breaks before the declaration": ("\r\n\n  " + inner("Фэйковый чиж", "0", "244"), SEED),
    "a BOM after a line break": ("\n\ufeff" + inner("Фэйковый чиж", "0", "244"), SEED),
    "an untrue encoding": (
        inner("Фэйковый чиж", "0", "244").replace('"1.0"', '"1.0" encoding="windows-1251"'),
        SEED,
    ),
    "no declaration": (inner("Фэйковый чиж", "0", "244").partition("\n")[2], SEED),
    "all in CDATA": ("<![CDATA[" + inner("Фэйковый чиж", "0", "244") + "]]>", SEED),
    "a title in CDATA": (inner("<![CDATA[ Рога & <b>Копыта</b> ]]>"), Answer("Рога & <b>Копыта</b>")),
    "CDATA with entities, which are none": (inner("\n<![CDATA[A &amp; B]]>\n"), Answer("A &amp; B")),
    "escaped": (
        inner("ООО &quot;Рога &amp; Копыта&quot;", "VIP", "241"),
        Answer('ООО "Рога & Копыта"', "VIP", "241"),
    ),
    "unescaped quotes and ampersand": (
        inner('ООО "Рога & Копыта"', "VIP", "241"),
        Answer('ООО "Рога & Копыта"', "VIP", "241"),
    ),
    "unescaped less-than": (inner("A < B", "", "241"), Answer("A < B", "", "241")),
    "unescaped greater-than": (inner("A > B", "", "241"), Answer("A > B", "", "241")),
    "an unescaped tag in a title": (inner("<b>Рога</b>", "", "1"), Answer("<b>Рога</b>", "", "1")),
    "an ampersand before a word": (inner("Рога&copy;Ко&nbsp", "", "1"), Answer("Рога&copy;Ко&nbsp", "", "1")),
    "character references": (inner("Рога&#32;&#x26;&#160;Копыта"), Answer("Рога & Копыта")),
    "references to no character": (inner("A&#0;&#xD800;&#9999999;B"), Answer("A\ufffd\ufffd\ufffdB")),
    "entities only once": (inner("A &amp;lt; B"), Answer("A &lt; B")),
    "a no-break space in the phone": (inner("Чиж", "0", "1\u00a0244"), Answer("Чиж", "0", "1\u00a0244")),
    "a no-break space as an entity": (inner("Чиж", "0", "1&nbsp;244"), Answer("Чиж", "0", "1\u00a0244")),
    "a formatted phone": (inner("Чиж", "", "+7 (916) 123-45-67"), Answer("Чиж", "", "+7 (916) 123-45-67")),
    "line breaks in a title": (inner("ООО\r\n  Рога\n\tи копыта\n"), Answer("ООО Рога и копыта")),
    "attributes": (
        '<data><title xml:lang="ru">Чиж</title><category\nid="1">0</category>'
        '<manager name="Иван"><phone type="work">244</phone></manager></data>',
        Answer("Чиж", "0", "244"),
    ),
    "upper case tags": (inner("чиж", "0", "244").upper(), Answer("ЧИЖ", "0", "244")),
    "spaces in end tags": (
        "<data><title>Чиж</title ><manager><phone>244</phone\n></manager></data>",
        Answer("Чиж", "", "244"),
    ),
    "another order": (
        "<data><manager><phone>244</phone></manager><category>0</category><title>Чиж</title></data>",
        Answer("Чиж", "0", "244"),
    ),
    "no manager's tag around the phone": ("<title>Чиж</title><phone>244</phone>", Answer("Чиж", "", "244")),
    "the client's own phone before the manager's": (
        "<data><phone>89235292926</phone><title>Чиж</title><manager><phone>244</phone></manager></data>",
        Answer("Чиж", "", "244"),
    ),
    "the client's own phone and a manager without one": (
        "<data><phone>89235292926</phone><title>Чиж</title><manager></manager></data>",
        Answer("Чиж"),
    ),
    "a title without its end": (
        "<data><title>Чиж<manager><phone>244</phone></manager>",
        Answer("Чиж", "", "244"),
    ),
    "a manager without its end": (
        "<title>Чиж</title><manager><phone>244</phone></data>",
        Answer("Чиж", "", "244"),
    ),
    "cut off": ("<data><title>Чиж</title><category>0</category><manager><phone>24", Answer("Чиж", "0")),
    "tags of similar names": ("<titles>x</titles><title2>y</title2><title>Чиж</title>", Answer("Чиж")),
    "empty tags": (inner(), NOBODY),
    "tags of blanks": (inner(" \u00a0", "\n", " "), NOBODY),
    "self-closed tags": ("<data><title/><category/><manager><phone/></manager></data>", NOBODY),
    "self-closed tags with a space": ("<data><title /><manager><phone /></manager></data>", NOBODY),
    "nothing": ("", NOBODY),
    "blanks": (" \r\n\ufeff ", NOBODY),
    "plain text": ("VIP:Ренессанс Капитал", Answer("Ренессанс Капитал", "VIP")),
    "plain text without a category": (" Ренессанс Капитал\n", Answer("Ренессанс Капитал")),
    "plain text with a colon in the name": ("Склад № 1: Москва", Answer("Склад № 1: Москва")),
    "a page": ("<html><body>Вход</body></html>", Answer(strange="XML with the tags html, body")),
    "several phones": (
        "<title>Чиж</title><manager><phone></phone><phone>244</phone><phone>+79161234567</phone></manager>",
        Answer("Чиж", "", "244, +79161234567"),
    ),
    "a manager that is the phone itself": (
        "<title>Чиж</title><manager>244</manager>",
        Answer("Чиж", "", "244"),
    ),
    "prefixed tags": (
        "<m:data><m:title>Чиж</m:title><m:manager><m:phone>244</m:phone></m:manager></m:data>",
        Answer("Чиж", "", "244"),
    ),
    "escaped twice": (
        "&lt;data&gt;&lt;title&gt;Чиж&lt;/title&gt;&lt;manager&gt;&lt;phone&gt;244&lt;/phone&gt;&lt;/manager&gt;",
        Answer("Чиж", "", "244"),
    ),
    "a phone cut off at the end of an element": (
        "<title>Чиж</title><manager><phone>244</manager></data>",
        Answer("Чиж", "", "244"),
    ),
    "a manager's tags in upper case, the rest not": (
        "<title>Чиж</title><MANAGER><Phone>244</Phone></MANAGER>",
        Answer("Чиж", "", "244"),
    ),
    "an empty manager that is closed at once": (
        "<title>Чиж</title><manager/><phone>8923</phone>",
        Answer("Чиж"),
    ),
    "an escaped angle in an unescaped name": (
        inner("A &lt; B & C", "", "241"),
        Answer("A < B & C", "", "241"),
    ),
    "emoji": (inner("Кафе ☕😀", "0", "244"), Answer("Кафе ☕😀", "0", "244")),
    "a zero for a phone": (inner("Чиж", "0", "0"), Answer("Чиж", "0", "0")),
    "leading zeros": (inner("Чиж", "0", "0244"), Answer("Чиж", "0", "0244")),
    "a false UTF-16": (
        inner("Чиж", "0", "244").replace('"1.0"', '"1.0" encoding="UTF-16"'),
        Answer("Чиж", "0", "244"),
    ),
    "a comment in between": (
        "<data><!-- клиент --><title>Чиж</title><manager><!-- он --><phone>244</phone></manager></data>",
        Answer("Чиж", "", "244"),
    ),
    "an error with a title": (
        "<data><title></title><error>Нет прав</error></data>",
        Answer(error="Нет прав"),
    ),
    "a failure": (
        "<data><error>Поле объекта не обнаружено (Контакт)\n{Модуль(12)}</error></data>",
        Answer(error="Поле объекта не обнаружено (Контакт) {Модуль(12)}"),
    ),
    "an empty error beside an answer": (
        inner("Чиж").replace("<data>", "<data><error></error>"),
        Answer("Чиж"),
    ),
}
