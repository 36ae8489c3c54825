"""The whole road on one machine. Nothing that production needs may live here."""
