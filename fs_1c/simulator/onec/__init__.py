"""A simulated 1C, as nasty as the real ones: the SOAP service of Mobilon's description, on a real socket.

    with OneCSimulator(OneCSimulatorSettings(port=0, sessions="use", licences=2)) as onec:
        ...                                             # ask onec.url
        onec.fault = Fault("cut-after-receipt", times=1, operation="IncomingCall")
        ...
        assert onec.cards[0].num_from == "89235292926"
        assert onec.stats.sessions_peak <= 2

From the inside out: `envelope` (bytes to operation and back), `clients` (who is known), `dialects` and
`service` (what is published and how it answers), `pages`, `errors`, `shapes` and `wsdl` (what it looks like,
well and ill) are pure; so is the catalogue of faults, `fault_kinds`. `sessions`, `faults`, `stats` and
`received` remember, in any thread; `world` holds them together. `exchange` serves a request. `body`,
`transport`, `control`, `handler`, `server` and `simulator` are HTTP.
"""

from fs_1c.simulator.onec.clients import Client, ClientBook, ClientFileError, load_clients
from fs_1c.simulator.onec.fault_kinds import KINDS as FAULT_KINDS
from fs_1c.simulator.onec.faults import Fault, fault_of
from fs_1c.simulator.onec.received import Card, ReceivedEvent, ReceivedRequest
from fs_1c.simulator.onec.settings import OneCSimulatorSettings
from fs_1c.simulator.onec.simulator import OneCSimulator, serve_forever
from fs_1c.simulator.onec.stats import Stats

__all__ = [
    "FAULT_KINDS",
    "Card",
    "Client",
    "ClientBook",
    "ClientFileError",
    "Fault",
    "OneCSimulator",
    "OneCSimulatorSettings",
    "ReceivedEvent",
    "ReceivedRequest",
    "Stats",
    "fault_of",
    "load_clients",
    "serve_forever",
]
