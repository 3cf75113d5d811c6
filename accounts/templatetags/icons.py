"""The drawings of `static/icons/sprite.svg`. A tag, not a template: a list draws two hundred of them."""

from functools import cache

from django import template
from django.templatetags.static import static
from django.utils.html import format_html

register = template.Library()


@register.simple_tag
@cache
def icon(name: str, classes: str = "") -> str:
    """Return the drawing `name`, with more `classes` (`icon-flip` turns it round where text runs from the right)."""
    drawn = '<svg class="icon{}" aria-hidden="true"><use href="{}#{}"/></svg>'
    return format_html(drawn, f" {classes}" if classes else "", static("icons/sprite.svg"), name)
