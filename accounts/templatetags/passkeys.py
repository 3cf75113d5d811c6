"""What the browser has to know for a passkey, in an attribute of the page: scripts read it there."""

import json
from typing import Any

from django import template

register = template.Library()


@register.simple_tag
def browser_options(options: dict[str, Any]) -> str:
    """Return `options` as JSON; the template escapes it."""
    return json.dumps(options)
