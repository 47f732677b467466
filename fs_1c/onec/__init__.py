"""The wire to 1C: its SOAP web service over HTTP."""
