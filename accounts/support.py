"""Support says why before it opens what belongs to a merchant (PCI DSS 4.0, 7.2.5; OWASP ASVS 5.0, 16.2.1).

The reason holds for an hour, for that merchant and for that session, and stands in the merchant's own activity log.
Whoever else may see the merchant is not asked.
"""

from time import time

from django import forms
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import audit
from accounts.fields import clean_text
from accounts.models import AuditEvent, Entity, User
from accounts.permissions import Role
from accounts.questions import Question

LASTS = 3600
"""Seconds for which a reason holds."""

REASONS = "reasons"
"""Where the session keeps for what a reason was given, by entity ID, and until when, in seconds since 1970."""

DESK = ""
"""What stands for the lists of the Django admin, which show a little of every merchant."""

SHORTEST, LONGEST = 8, 200
"""Characters of a reason: more than a dot, less than a story."""


class ReasonForm(Question):
    """Why support opens something."""

    prefix = "support"

    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        help_text=gettext_lazy("Such as the number of a ticket. The merchant reads it in the activity log."),
        widget=forms.TextInput(attrs={"maxlength": LONGEST, "autocomplete": "off", "dir": "auto"}),
    )

    def clean_reason(self) -> str:
        reason = clean_text(self.cleaned_data["reason"], longest=LONGEST)
        if len(reason) < SHORTEST:
            raise forms.ValidationError(_("Say in a few words why you look at this."), code="short")
        return reason


def ask_first(request: HttpRequest, place: Entity | None) -> HttpResponse | None:
    """Return the question why `place` (None: the lists of the Django admin) is opened; None where nobody need ask.

    Takes the answer as well, where `request` brings one, and then leaves the rest of it to the view.
    """
    if not is_support(request.user):
        return None
    if ReasonForm.is_answered_by(request):
        return _take(request, _account_of(place))
    return None if _holds(request, _account_of(place)) else _question(_account_of(place), ReasonForm(request=request))


def is_support(user: User) -> bool:
    """Whether `user` sees merchants because they help them, and not because they run them or the platform."""
    roles = {role for entity, role in getattr(user, "grants", ()) if entity is None}
    return Role.SUPPORT in roles and Role.PLATFORM_ADMINISTRATOR not in roles


def _question(account: Entity | None, form: ReasonForm) -> HttpResponse:
    context = {"place": account, "breadcrumbs": [(_("Support"), None)], "section": "account"}
    return form.ask("accounts/reason.html", context)


def _take(request: HttpRequest, account: Entity | None) -> HttpResponse | None:
    """Note the reason that `request` brings; ask again where it is none."""
    form = ReasonForm(request.POST, request=request)
    if not form.is_valid():
        return _question(account, form)
    reason, target = form.cleaned_data["reason"], _name_of(account)
    with transaction.atomic():
        audit.record(AuditEvent.Type.SUPPORT_OPENED, by=request.user, entity=account, target=target, reason=reason)
    held = {name: until for name, until in request.session.get(REASONS, {}).items() if until > time()}
    request.session[REASONS] = held | {target: time() + LASTS}
    return form.go_on()


def _holds(request: HttpRequest, account: Entity | None) -> bool:
    until = request.session.get(REASONS, {}).get(_name_of(account), 0)
    return bool(time() < until <= time() + LASTS)


def _account_of(place: Entity | None) -> Entity | None:
    """Return the merchant that `place` belongs to, or, above the merchants, `place` itself: that opens none of them."""
    if place is None or place.is_merchant:
        return place
    merchant: Entity | None = Entity.objects.above(place).filter(kind=Entity.Kind.MERCHANT).first()
    return merchant or place


def _name_of(account: Entity | None) -> str:
    return account.entity_id if account else DESK
