"""A simulated 1C: the SOAP service of Mobilon's description of the 1C integration, on a real socket.

    with OneCSimulator(OneCSimulatorSettings(port=0)) as onec:
        ...                                    # ask onec.url
        assert onec.cards[0].num_from == "89235292926"

From the inside out: `envelope` (bytes to operation and back), `clients` (who is known), `service` (operation
and clients to answer), `pages` and `wsdl` (the other things a web server says) are pure; `received`
remembers; `body`, `handler` and `server` are HTTP.
"""

from fs_1c.simulator.onec.clients import Client, ClientBook, ClientFileError, load_clients
from fs_1c.simulator.onec.received import Card, ReceivedRequest
from fs_1c.simulator.onec.server import OneCSimulator, serve_forever
from fs_1c.simulator.onec.settings import OneCSimulatorSettings

__all__ = [
    "Card",
    "Client",
    "ClientBook",
    "ClientFileError",
    "OneCSimulator",
    "OneCSimulatorSettings",
    "ReceivedRequest",
    "load_clients",
    "serve_forever",
]
