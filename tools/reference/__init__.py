"""The pages of docs/reference, rendered from the models, the policies, the commands and the engine."""

from reference.cli import cli_page
from reference.configuration import configuration_page, policies_page
from reference.observability import observability_page

__all__ = ["cli_page", "configuration_page", "observability_page", "policies_page"]
