"""What is told about a fault: where it happened and what kind it is, never what the program held at that moment.

Reports go to logs, by mail and to services; whoever reads them must not learn a password, a token or a link that lets
somebody in (OWASP ASVS 5.0, 16.2.5, 16.5.1; PCI DSS 4.0, 3.5.1, 8.3.2). Functions that hold secrets say so themselves
with `sensitive_variables`, for whatever else makes reports; here nothing depends on anybody having thought of it.
"""

import re
from types import FrameType

from django.http import HttpRequest
from django.views.debug import ExceptionReporter, SafeExceptionReporterFilter

CREDENTIAL = re.compile(
    r"(kh_(?:api|sdk|gtw)_(?:live|test)_[0-9A-Za-z]{4}|whsec_)[0-9A-Za-z_+/=]{20,}"
    r"|(/auth/(?:invitation/[^/\s]+/|password/reset/key/[0-9A-Za-z]+-))[^\s/?&\"'<>]+"
)
"""A token, an HMAC key, or a link that lets somebody in, with what may be told of it in front."""


def censored(text: str) -> str:
    """Return `text` without any credential that stands in it as it is shown or sent to people."""
    return CREDENTIAL.sub(lambda found: f"{found[1] or found[2]}…", text)


class Reporter(ExceptionReporter):
    """The report of a fault; its address may be a link."""

    def get_traceback_html(self) -> str:
        return censored(super().get_traceback_html())

    def get_traceback_text(self) -> str:
        return censored(super().get_traceback_text())


class NothingHeld(SafeExceptionReporterFilter):
    """Names of variables and fields without their values; on debug pages, Django's own choice."""

    def get_traceback_frame_variables(self, request: HttpRequest | None, tb_frame: FrameType) -> list[tuple[str, str]]:
        if not self.is_active(request):
            return list(super().get_traceback_frame_variables(request, tb_frame))
        return [(name, self.cleansed_substitute) for name in tb_frame.f_locals]

    def get_post_parameters(self, request: HttpRequest | None) -> dict:
        if request is None or not self.is_active(request):
            return super().get_post_parameters(request)
        return dict.fromkeys(request.POST, self.cleansed_substitute)
