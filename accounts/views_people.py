"""What platform staff do with a person. Their page itself shows tokens too and is composed in `portal.views`."""

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts import people, stepup
from accounts.forms import ReasonForm
from accounts.models import User
from accounts.pages import ask, posted


@require_http_methods(["GET", "POST"])
def disable(request: HttpRequest, person_id: str) -> HttpResponse:
    """Stop this person from signing in, and sign them out everywhere."""
    person = User.objects.get_permitted(request.user, people.CAPABILITY["disable"], person_id=person_id)

    def act(reason: str) -> tuple[str, str]:
        people.disable(person, by=request.user, reason=reason)
        return person.get_absolute_url(), _("%(person)s is signed out and may not sign in any more.") % {
            "person": person
        }

    context = _verb_page(request, person, "disable") | {"alone": people.administers_alone(person)}
    return ask(request, "accounts/disable.html", context, act)


@require_http_methods(["GET", "POST"])
def enable(request: HttpRequest, person_id: str) -> HttpResponse:
    """Let this person sign in again."""
    person = User.objects.get_permitted(request.user, people.CAPABILITY["enable"], person_id=person_id)

    def act(reason: str) -> tuple[str, str]:
        stepup.require(request)
        people.enable(person, by=request.user, reason=reason)
        return person.get_absolute_url(), _("%(person)s may sign in again.") % {"person": person}

    return ask(request, "accounts/enable.html", _verb_page(request, person, "enable"), act)


def _verb_page(request: HttpRequest, person: User, verb: str) -> dict:
    """Return what the page of `verb` shows. Raises Refused where it cannot be done to this person now."""
    people.check(verb, person, by=request.user)
    trail = [(_("Admin"), None), (_("People"), reverse("portal:people")), (str(person), person.get_absolute_url())]
    label = {"disable": _("Switch off sign-in"), "enable": _("Switch on sign-in")}[verb]
    return {
        "person": person,
        "form": ReasonForm(posted(request)),
        "section": "people",
        "breadcrumbs": [*trail, (label, None)],
    }
