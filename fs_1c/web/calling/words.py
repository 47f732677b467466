"""What whoever asks for a call is told: one answer, which each form then says in its own way. Pure.

The words are read by people who work in 1C, so they are Russian; codes are for programs.
"""

from __future__ import annotations

from dataclasses import dataclass

from fs_1c.calls import Placed, Refusal, Result, Stage, Why

TOKEN, REQUEST = "token", "request"
"""Codes beside those of `Why` and `Result`: who asks is not let in; what he asks is not what this form is."""

_STATUS = {
    REQUEST: 400,
    TOKEN: 401,
    Why.NUMBER: 400,
    Why.NOT_ALLOWED: 403,
    Why.NO_SUBSCRIBER: 404,
    Why.NOT_REGISTERED: 409,
    Why.TOO_MANY: 429,
    Why.NOT_SET: 503,
    Why.NO_SWITCH: 503,
    Result.NOT_PLACED: 503,
    Result.UNKNOWN: 504,
    Result.FAILED: 502,
}
"""Of what is not here the call was made and has ended: 409."""
_REFUSED = {
    Why.NUMBER: "Это не телефонный номер",
    Why.NOT_ALLOWED: "Звонить на этот номер не разрешено (calls.allow)",
    Why.NO_SUBSCRIBER: "Такого абонента нет",
    Why.TOO_MANY: "Слишком много звонков, попробуйте позже",
    Why.NOT_SET: "Звонки из 1С не настроены (calls.dial)",
    Why.NO_SWITCH: "Нет связи с АТС, звонок не сделан",
    Why.NOT_REGISTERED: "Телефон абонента не зарегистрирован",
}
_ENDED = {
    Result.TALKED: "Разговор состоялся",
    Result.NOT_PLACED: "АТС не приняла звонок, он не сделан",
    Result.UNKNOWN: "Связь с АТС прервалась: неизвестно, сделан ли звонок; посмотрите на телефон",
    Result.UNHEARD: "Звонок окончен; чем — не известно: связь с АТС прерывалась",
    Result.NOT_REGISTERED: "Телефон абонента не зарегистрирован",
    Result.NO_SUBSCRIBER: "Такого абонента нет",
    Result.BUSY: "Телефон абонента занят",
    Result.NO_ANSWER: "Абонент не снял трубку",
    Result.CANCELLED: "Звонок прерван",
    Result.CLIENT_BUSY: "Клиент занят",
    Result.CLIENT_NO_ANSWER: "Клиент не отвечает",
    Result.CLIENT_NO_NUMBER: "Такого номера у клиента нет",
    Result.CLIENT_FAILED: "До клиента не дозвониться",
    Result.FAILED: "Звонок не удался",
}
_FAR = {
    Stage.ASKED: "АТС ещё не ответила",
    Stage.PLACED: "Звонок передан АТС",
    Stage.RINGING: "Телефон абонента звонит",
    Stage.ANSWERED: "Абонент снял трубку, вызываем клиента",
    Stage.CLIENT_RINGS: "У клиента звонит телефон",
    Stage.TALKING: "Разговор идёт",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said.

    Attributes:
        code: `ok`, or why not.
        status: Of HTTP.
        message: For a person.
        call_id: The call, if there is one.
    """

    code: str
    status: int
    message: str
    call_id: str = ""

    @property
    def is_ok(self) -> bool:
        return self.code == "ok"


def told(what: Placed | Refusal) -> Answer:
    """The answer about a call that was asked for."""
    if isinstance(what, Refusal):
        return Answer(what.why, _STATUS[what.why], _REFUSED[what.why])
    progress = what.progress
    if progress.result in (None, Result.TALKED) and not progress.is_unknown:
        return Answer("ok", 200, message_of(what), what.id)
    result = progress.result or Result.UNKNOWN
    return Answer(result, _STATUS.get(result, 409), _ENDED[result], what.id)


def message_of(call: Placed) -> str:
    """How far a call is, or how it ended."""
    progress = call.progress
    if progress.is_unknown:
        return _ENDED[Result.UNKNOWN]
    return _ENDED[progress.result] if progress.result else _FAR[progress.stage]


def wrong_token(status: int = 401) -> Answer:
    """Who asks is not let in, or (429) has shown too many wrong tokens."""
    return Answer(
        TOKEN, status, "Неверный ключ или токен" if status == 401 else "Слишком много неверных ключей"
    )


def wrong_request(message: str) -> Answer:
    return Answer(REQUEST, 400, message)
