"""What the shell around every page shows."""

from django.conf import settings
from django.http import HttpRequest

from accounts.trust import IDLE

THEMES = {"light", "dark"}


def shell(request: HttpRequest) -> dict:
    """Return the theme the reader chose (else the system's), whether this is the demo, how long the session lasts."""
    theme = request.COOKIES.get(settings.THEME_COOKIE_NAME, "")
    return {
        "theme": theme if theme in THEMES else "",
        "theme_cookie": settings.THEME_COOKIE_NAME,
        "is_demo": settings.DEMO,
        "session_left": IDLE,
    }
