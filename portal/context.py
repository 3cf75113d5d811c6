"""What the shell around every page shows."""

from django.conf import settings
from django.http import HttpRequest

THEMES = {"light", "dark"}


def shell(request: HttpRequest) -> dict:
    """Return the theme the reader chose (else the system's), and whether this is the demo."""
    theme = request.COOKIES.get("theme", "")
    return {"theme": theme if theme in THEMES else "", "is_demo": settings.DEMO}
