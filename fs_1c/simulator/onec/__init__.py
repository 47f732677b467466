"""A simulated 1C, as nasty as the real ones: the SOAP service of Mobilon's description, on a real socket.

with OneCSimulator(OneCSimulatorSettings(port=0, sessions="use", licences=2)) as onec:
    ...                                             # ask onec.url
    onec.fault = Fault("cut-after-receipt", times=1, operation="IncomingCall")
    ...
    assert onec.cards[0].num_from == "89235292926"
    assert onec.stats.sessions_peak <= 2
"""

from fs_1c.simulator.onec.calls import Document
from fs_1c.simulator.onec.clients import Client, ClientFileError
from fs_1c.simulator.onec.fault_table import KINDS as FAULT_KINDS
from fs_1c.simulator.onec.faults import Fault, fault_of, one_line
from fs_1c.simulator.onec.sessions import Stats
from fs_1c.simulator.onec.settings import REHEARSAL, OneCSimulatorSettings
from fs_1c.simulator.onec.simulator import Card, OneCSimulator, ReceivedRequest

__all__ = [
    "FAULT_KINDS",
    "REHEARSAL",
    "Card",
    "Client",
    "ClientFileError",
    "Document",
    "Fault",
    "OneCSimulator",
    "OneCSimulatorSettings",
]
__all__ += ["ReceivedRequest", "Stats", "fault_of", "one_line"]
