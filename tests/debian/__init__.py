"""The Debian package where it belongs: a fresh Debian, whose first process is systemd. `make debtest`."""
