"""The command line with all its commands, for tests that run it in this process."""

from imgedit.cli.app import application

app = application()
