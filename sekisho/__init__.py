"""The command `sekisho`: one thin module per command group; the only place that joins the layers."""

__version__ = "0.1.0"
