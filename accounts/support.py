"""Support says why before it opens what belongs to a merchant (PCI DSS 4.0, 10.2.1.1; OWASP ASVS 5.0, 8.4.2).

The reason holds for an hour, for that merchant and for that session, and stands in the merchant's own activity log.
Lists of many merchants ask once for all of them; those of the Django admin tell each merchant that they show. The page
of a person asks as well. Whoever else may see the merchant is not asked.
"""

from collections.abc import Iterable
from time import time

from django import forms
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import audit
from accounts.fields import LONGEST_REASON, clean_text
from accounts.models import AuditEvent, Entity, User
from accounts.permissions import Role
from accounts.questions import Question

LASTS = 3600
"""Seconds for which a reason holds."""

REASONS = "reasons"
"""Where the session keeps for what a reason was given, by entity ID, and until when, in seconds since 1970."""

DESK = ""
"""What stands for the lists of the Django admin and the export of merchants, which show a little of every merchant."""

DESK_REASON, TOLD = "desk_reason", "told"
"""Where the session keeps the words of that reason, and which merchants have read it, as in REASONS."""

SHORTEST = 8
"""Characters of a reason: more than a dot, less than a story."""


class ReasonForm(Question):
    """Why support opens something."""

    prefix = "support"

    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        help_text=gettext_lazy("Such as the number of a ticket. The merchant reads it in the activity log."),
        widget=forms.TextInput(attrs={"maxlength": LONGEST_REASON, "autocomplete": "off", "dir": "auto"}),
    )

    def clean_reason(self) -> str:
        reason = clean_text(self.cleaned_data["reason"], longest=LONGEST_REASON)
        if len(reason) < SHORTEST:
            raise forms.ValidationError(_("Say in a few words why you look at this."), code="short")
        return reason


Place = Entity | User | None
"""What a reason is given for; None is the DESK."""


def ask_first(request: HttpRequest, place: Place) -> HttpResponse | None:
    """Return the question why `place` is opened; None where nobody need ask.

    Takes the answer as well, where `request` brings one, and then leaves the rest of it to the view.
    """
    if not is_support(request.user):
        return None
    account = _account_of(place)
    if ReasonForm.is_answered_by(request):
        return _take(request, account)
    return None if _holds(request, _name_of(account)) else _question(account, ReasonForm(request=request))


def opened_by(request: HttpRequest) -> QuerySet[Entity] | None:
    """Return what support has a reason for, of merchants with what is below them; None for whoever need not ask."""
    if not is_support(request.user):
        return None
    names = [name for name in request.session.get(REASONS, {}) if _holds(request, name)]
    entities = Entity.objects.visible_to(request.user)
    places = entities.filter(entity_id__in=names)
    merchants = set(places.filter(kind=Entity.Kind.MERCHANT).values_list("pk", flat=True))
    return entities.below_any(merchants) | places


def tell(request: HttpRequest, places: Iterable[Entity]) -> None:
    """Let the merchants of `places`, which support is shown by the reason of the DESK, read that reason: once an hour.

    It opens none of them.
    """
    if not is_support(request.user):
        return
    accounts = {_name_of(account): account for account in map(_account_of, places)}
    held = {name: until for name, until in request.session.get(TOLD, {}).items() if until > time()}
    fresh = [name for name in accounts if name not in held and not _holds(request, name)]
    if not fresh:
        return
    reason = request.session.get(DESK_REASON, "")
    told = [(accounts[name], name, {"reason": reason}) for name in fresh]
    with transaction.atomic():
        audit.record_all(AuditEvent.Type.SUPPORT_OPENED, told, by=request.user)
    request.session[TOLD] = held | dict.fromkeys(fresh, time() + LASTS)


def is_support(user: User) -> bool:
    """Whether `user` sees merchants because they help them, and not because they run them or the platform."""
    roles = {role for entity, role in getattr(user, "grants", ()) if entity is None}
    return Role.SUPPORT in roles and Role.PLATFORM_ADMINISTRATOR not in roles


def _question(account: Place, form: ReasonForm) -> HttpResponse:
    named = {"person" if isinstance(account, User) else "place": account}
    context = named | {"breadcrumbs": [(_("Support"), None)], "section": "account"}
    return form.ask("accounts/reason.html", context)


def _take(request: HttpRequest, account: Place) -> HttpResponse | None:
    """Note the reason that `request` brings; ask again where it is none."""
    form = ReasonForm(request.POST, request=request)
    if not form.is_valid():
        return _question(account, form)
    reason, target = form.cleaned_data["reason"], _name_of(account)
    entity = account if isinstance(account, Entity) else None
    with transaction.atomic():
        audit.record(AuditEvent.Type.SUPPORT_OPENED, by=request.user, entity=entity, target=target, reason=reason)
    held = {name: until for name, until in request.session.get(REASONS, {}).items() if until > time()}
    request.session[REASONS] = held | {target: time() + LASTS}
    if account is None:
        request.session[DESK_REASON] = reason
        request.session.pop(TOLD, None)
    return form.go_on()


def _holds(request: HttpRequest, name: str) -> bool:
    until = request.session.get(REASONS, {}).get(name, 0)
    return bool(time() < until <= time() + LASTS)


def _account_of(place: Place) -> Place:
    """Return the merchant that `place` belongs to, or, above the merchants, `place` itself: that opens none of them."""
    return (Entity.objects.merchant_of(place) or place) if isinstance(place, Entity) else place


def _name_of(account: Place) -> str:
    if isinstance(account, User):
        return account.person_id
    return account.entity_id if account else DESK
