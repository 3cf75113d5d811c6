"""Roles as people call them, where only their names in the audit log are at hand."""

from django import template

from accounts.permissions import Role

register = template.Library()


@register.filter
def role_label(name: str) -> str:
    """Return what the role `name` is called; a name that no role has any more stays as it is."""
    return Role(name).label if name in Role.values else name
