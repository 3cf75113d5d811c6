"""What the shell around every page shows."""

from django.conf import settings
from django.http import HttpRequest

from accounts.trust import IDLE

THEMES = {"light", "dark"}


def shell(request: HttpRequest) -> dict:
    """Return the theme the reader chose (else the system's), whether this is the demo, how long the session lasts."""
    theme = request.COOKIES.get("theme", "")
    return {"theme": theme if theme in THEMES else "", "is_demo": settings.DEMO, "session_left": IDLE}
