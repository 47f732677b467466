"""All harnesses, by their names."""

from __future__ import annotations

from tests.fuzz import of_onec, of_people, of_switch

HARNESSES = {
    harness.name: harness
    for harness in (*of_switch.harnesses(), *of_onec.harnesses(), *of_people.harnesses())
}
