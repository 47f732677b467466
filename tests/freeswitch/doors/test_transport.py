"""Both ESL doors over python-ESL, on a real FreeSWITCH: the same calls as over our own wire."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.freeswitch.calling.test_calling import (
    all_the_time_in_the_world,
    test_one_click_rings_the_subscriber_and_then_the_client,
    test_what_became_of_a_call_while_the_connection_was_lost,
)
from tests.freeswitch.conftest import Company
from tests.freeswitch.doors.test_conversations import test_a_service_restarted_in_the_middle_of_conversations
from tests.freeswitch.doors.test_injection import test_nothing_that_1c_says_is_executed
from tests.freeswitch.sip import Agents
from tests.freeswitch.switch import Switch
from tests.freeswitch.test_calls import (
    test_a_conversation_outlives_the_service,
    test_a_known_client_reaches_his_manager,
    test_a_mute_1c_costs_the_deadline_and_no_more,
    test_an_unknown_client_reaches_the_default,
    test_the_caller_gives_up_during_the_lookup,
)

__all__ = [
    "all_the_time_in_the_world",
    "test_a_conversation_outlives_the_service",
    "test_a_known_client_reaches_his_manager",
    "test_a_mute_1c_costs_the_deadline_and_no_more",
    "test_a_service_restarted_in_the_middle_of_conversations",
    "test_an_unknown_client_reaches_the_default",
    "test_nothing_that_1c_says_is_executed",
    "test_one_click_rings_the_subscriber_and_then_the_client",
    "test_the_caller_gives_up_during_the_lookup",
    "test_what_became_of_a_call_while_the_connection_was_lost",
]

pytestmark = pytest.mark.freeswitch


@pytest.fixture
def company(switch: Switch, agents: Agents) -> Iterator[Company]:
    pytest.importorskip("ESL", reason="python-ESL is not installed: make esl")
    made = Company(switch, agents, transport="python-esl")
    yield made
    made.close()
