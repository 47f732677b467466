"""What the service says in English, in its log, its journal and its answers, said again in another language.

It does not know who will read it, and whoever reads its log by a pattern must find the same words everywhere;
so a reader's own language comes last, at the terminal. A sentence that is not among these stays as it is.
"""

from __future__ import annotations

import re
from functools import lru_cache

from fs_1c.language.language import N_, _, is_english

MAX_TOLD = 1000
"""Characters of a text that is looked for: longer ones are none of these."""

SENTENCES = (
    # Who stands in for a manager; why one was not rung.
    N_("{extension} talked to the client last ({time}); {why}"),
    N_("{extension} talked to the client last ({time})"),
    N_("{manager} {why}: passed over"),
    N_("{manager} {why}: {deputy} rings in his place"),
    N_("{manager} {why}: rings together with {deputy}"),
    N_("{manager} {why}: rings all the same"),
    N_("turned away with {cause}"),
    N_("the next"),
    N_("{why} since {time}"),
    N_("is away"),
    N_("declines calls"),
    N_("talks"),
    N_("it is too long for a telephone number"),
    N_("it is none of the allowed"),
    N_("it is a number of {region}, not of {country}"),
    N_("it is in no numbering plan"),
    N_("its kind is {kind}"),
    N_("a trunk may take it for another one than {number}"),
    # Why 1C was not asked, or gave no answer.
    N_("an extension"),
    N_("withheld"),
    N_("malformed"),
    N_("1C counts as down; nobody waits for it"),
    N_("its trunk brings more than {count} new numbers a second"),
    N_("it is in numbers.blocked_file"),
    N_("no answer within {ms} ms"),
    N_("no answer within {seconds} s"),
    N_("no connection in time"),
    N_("the answer took too long to be read"),
    N_("HTTP {status}, {why}: {words}"),
    N_("HTTP {status}, {why}"),
    N_("1C refused the request"),
    N_("wrong user name or password"),
    N_("1C is out of licences"),
    N_("1C does not let this user in"),
    N_("no such web service there"),
    N_("what is there is no web service"),
    N_("1C's session pool is full"),
    N_("the proxy asks for a password"),
    N_("client and server of 1C differ in their versions"),
    N_("there is no such web service there any more"),
    N_("the web server takes no more requests just now"),
    N_("1C itself failed"),
    N_("the web server has no connection to 1C"),
    N_("the web server is overloaded or in maintenance"),
    N_("the web server had no answer from 1C in time"),
    N_("1C's code failed"),
    N_("1C wants a session (IBSession); set session_mode"),
    N_("1C lets nobody in"),
    N_("the web server refused the request, not 1C"),
    N_("user and password (Basic) are not taken there"),
    N_("not an answer of 1C"),
    N_("1C does not know this crm_token"),
    N_("1C misses something in the request"),
    N_("1C does not know such a command"),
    N_("1C reports: {words}"),
    N_("1C answers something that is not understood: {what}"),
    # What became of a card, and of a word about a call.
    N_("1C did not answer 1"),
    N_("1C did not answer 1 to {operation}"),
    N_("the conversation had ended"),
    N_("the conversation began too long ago"),
    N_("the switch does not tell whose card it is"),
    N_("1C has been told by {who}: another service, or this one before it was started anew"),
    N_("extension {extension} has no key"),
    N_("user {login} has no key"),
    N_("1C knows people by their extensions alone"),
    N_("neither {names} is an extension or has a key"),
    N_("the service died while it was being told"),
    N_("Redis has lost whether another service has told it"),
    N_("the disk has not taken it"),
    N_("this dialect has no words for it"),
    # What the service answers.
    N_("there is no connection to a switch: the call was not made"),
    N_("there is no such extension"),
    N_("none of his telephones is registered (calls.refuse_away)"),
    N_("too many calls ({limit})"),
    N_("too many calls at a time (calls.at_once: {limit})"),
    N_("what is to be called is no client's number: {why}"),
    N_("calls.dial is not set: no client can be called"),
    N_("{number} is not dialled: {why} (calls.allow)"),
    N_("no switch is listened to (esl.inbound)"),
    N_("the disk does not answer; calls do not wait for it"),
    N_("the disk does not answer"),
    N_("there is no base {base}; allowed: {bases}"),
)
"""From the more special to the more general: the first that fits is it."""

OF_THE_SYSTEM = (
    N_("[Errno {number}] {why}"),
    N_("Connection refused"),
    N_("Connection timed out"),
    N_("Connection reset by peer"),
    N_("No route to host"),
    N_("Network is unreachable"),
    N_("Name or service not known"),
    N_("Temporary failure in name resolution"),
    N_("No such file or directory"),
    N_("Permission denied"),
    N_("Is a directory"),
    N_("Not a directory"),
)
"""What the C library says, in the place of a reason."""

_AGAIN = {"why", "deputy"}
"""What stands in such a place may be one of the sentences itself."""
_PLACE = re.compile(r"\{(\w+)\}")


def retold(text: str) -> str:
    """What the service has said, in the reader's language."""
    if is_english() or len(text) > MAX_TOLD:
        return text
    for pattern, sentence in _patterns():
        if match := pattern.fullmatch(text):
            given = match.groupdict()
            return _(
                sentence, **{name: retold(one) if name in _AGAIN else one for name, one in given.items()}
            )
    return text


@lru_cache(1)
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    return [(_pattern(sentence), sentence) for sentence in (*SENTENCES, *OF_THE_SYSTEM)]


def _pattern(sentence: str) -> re.Pattern[str]:
    parts = _PLACE.split(sentence)  # words and names by turns
    return re.compile("".join(f"(?P<{p}>.+?)" if i % 2 else re.escape(p) for i, p in enumerate(parts)), re.S)
