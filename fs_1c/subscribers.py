"""Subscribers: extension → the key by which 1C knows whose screen is meant. A key is a credential."""

from __future__ import annotations

from fs_1c.settings import SubscribersSettings


class Subscribers:
    """The subscribers of the switch."""

    def __init__(self, settings: SubscribersSettings) -> None:
        self._keys = {extension: key.get_secret_value() for extension, key in settings.keys.items()}

    def key(self, extension: str, on_leg: str = "") -> str:
        """The key of that extension, or empty when it has none.

        Args:
            on_leg: `fs_1c_key` as the subscriber's leg carried it; the settings win over it.
        """
        return self._keys.get(extension) or on_leg
