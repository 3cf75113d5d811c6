"""How long ago something was, or how long it still takes, in one short word and number; and the moment behind it."""

from datetime import datetime

from django import template
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.translation import gettext, ngettext

register = template.Library()

STEPS = (
    (60, 1, lambda n: ngettext("%(n)d s ago", "%(n)d s ago", n)),
    (3_600, 60, lambda n: ngettext("%(n)d min ago", "%(n)d min ago", n)),
    (86_400, 3_600, lambda n: ngettext("%(n)d h ago", "%(n)d h ago", n)),
    (60 * 86_400, 86_400, lambda n: ngettext("%(n)d day ago", "%(n)d days ago", n)),
    (730 * 86_400, 30 * 86_400, lambda n: ngettext("%(n)d month ago", "%(n)d months ago", n)),
)
"""Below so many seconds, in units of so many seconds, in these words."""


@register.filter
def ago(moment: datetime | None) -> str:
    """Return how long ago `moment` was, in its largest whole unit: `4 s ago`, `9 h ago`, `12 days ago`."""
    if moment is None:
        return ""
    seconds = max(0, int((timezone.now() - moment).total_seconds()))
    for below, unit, words in STEPS:
        if seconds < below:
            count = seconds // unit
            return words(count) % {"n": count}
    years = seconds // (365 * 86_400)
    return ngettext("%(n)d year ago", "%(n)d years ago", years) % {"n": years}


LEFT = (
    (90, 1, lambda n: ngettext("%(n)d s", "%(n)d s", n)),
    (90 * 60, 60, lambda n: ngettext("%(n)d min", "%(n)d min", n)),
    (36 * 3_600, 3_600, lambda n: ngettext("%(n)d h", "%(n)d h", n)),
)
"""As STEPS; what takes longer is told in days."""


@register.filter
def left(moment: datetime | None) -> str:
    """Return how long it is until `moment`, rounded to its largest fitting unit: `40 s`, `21 h`, `9 days`."""
    if moment is None:
        return ""
    seconds = max(0, round((moment - timezone.now()).total_seconds()))
    for below, unit, words in LEFT:
        if seconds < below:
            count = round(seconds / unit)
            return words(count) % {"n": count}
    days = round(seconds / 86_400)
    return ngettext("%(n)d day", "%(n)d days", days) % {"n": days}


@register.simple_tag
def when(moment: datetime | None) -> str:
    """Return `moment` as people say it, with the exact time behind it; *Never* where there is none."""
    if moment is None:
        return format_html('<span class="muted">{}</span>', gettext("Never"))
    local = timezone.localtime(moment)
    exact = date_format(local, "j M Y, H:i:s e")
    return format_html('<time datetime="{}" title="{}">{}</time>', local.isoformat(), exact, ago(moment))
