"""The pages of an invitation: made and taken back by those who manage members, answered by whoever was invited."""

from http import HTTPStatus

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods

from accounts import invitations, letters, stepup
from accounts.forms_people import InviteForm, NewPersonForm
from accounts.models import Entity, Invitation
from accounts.pages import ask, posted
from accounts.permissions import Capability
from accounts.views_members import drawn_tree, held_at, trail, users_page

SESSION_KEY = "invitation"
"""Under it the session keeps which invitation was opened here: its public ID and which sending, never its secret."""


@require_http_methods(["GET", "POST"])
def invite(request: HttpRequest, entity_id: str) -> HttpResponse:
    """Invite somebody to this entity."""
    entity = Entity.objects.get_permitted(request.user, Capability.MEMBER_MANAGE, entity_id=entity_id)
    return _invite(request, entity)


@require_http_methods(["GET", "POST"])
def invite_to_platform(request: HttpRequest) -> HttpResponse:
    """Invite somebody to run the platform or to support it."""
    if not request.user.has_platform_capability(Capability.MEMBER_MANAGE):
        raise PermissionDenied
    return _invite(request, None)


@require_http_methods(["GET", "POST"])
def resend(request: HttpRequest, invitation_id: str) -> HttpResponse:
    """Send an invitation again, with a new link; the one before does not work any more."""
    invitation = _managed(request, invitation_id)

    @sensitive_variables()
    def act() -> tuple[str, str]:
        stepup.require(request)
        _send(request, invitation, invitations.resend(invitation, by=request.user))
        return users_page(invitation.entity), ""

    return ask(request, "accounts/resend.html", _verb_page(request, invitation), act)


@require_http_methods(["GET", "POST"])
def withdraw(request: HttpRequest, invitation_id: str) -> HttpResponse:
    """Take an invitation back."""
    invitation = _managed(request, invitation_id)

    def act() -> tuple[str, str]:
        invitations.withdraw(invitation, by=request.user)
        message = _("The invitation to %(email)s was withdrawn. Its link does not work any more.")
        return users_page(invitation.entity), message % {"email": invitation.email}

    return ask(request, "accounts/withdraw.html", _verb_page(request, invitation), act)


@csrf_exempt  # changes nothing; and a refusal would write the address, with the secret in it, to the log
@login_not_required
@sensitive_variables()
def open_link(request: HttpRequest, invitation_id: str, secret: str) -> HttpResponse:
    """Take the secret out of the address: note which invitation it opens, and lead to the page that asks.

    Good and bad links lead to the same page, so that the log tells of neither.
    """
    request.path = request.path_info = request.META["PATH_INFO"] = reverse("accept_invitation")
    request.session.pop(SESSION_KEY, None)
    if found := invitations.find(invitation_id, secret):
        request.session[SESSION_KEY] = [found.invitation_id, found.sendings]
    response = redirect("accept_invitation")
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-store, private"
    return response


@login_not_required
@require_http_methods(["GET", "POST"])
@never_cache
@sensitive_post_parameters()
def accept(request: HttpRequest) -> HttpResponse:
    """Join: somebody new gives their name and a password, everybody else signs in first."""
    invitation = _opened(request)
    if invitation is None:
        return render(request, "accounts/invitation_over.html", status=HTTPStatus.NOT_FOUND)
    person = invitations.invitee(invitation)
    context = {"invitation": invitation, "entity": invitation.entity}
    if request.user.is_authenticated:
        return _accept_signed_in(request, invitation, context | {"is_for_reader": person == request.user})
    if person:
        return render(request, "accounts/accept_sign_in.html", context)
    return _accept_as_new(request, invitation, context)


def _invite(request: HttpRequest, entity: Entity | None) -> HttpResponse:
    @sensitive_variables()
    def act(email: str, role: str) -> tuple[str, str]:
        stepup.require(request)  # a stolen session must not let anybody in for good
        invitation, secret = invitations.invite(entity, email=email, role=role, by=request.user)
        _send(request, invitation, secret)
        return users_page(entity), ""

    held = held_at(request, entity)
    form = InviteForm(posted(request), user=request.user, entity=entity, held=held)
    context = {"form": form, "entity": entity, "section": "account" if entity else "people"}
    context |= {"breadcrumbs": trail(entity, _("Invite")), "tree": drawn_tree(request, entity)}
    context["back"] = users_page(entity)
    return ask(request, "accounts/invite.html", context, act)


@sensitive_variables()
def _send(request: HttpRequest, invitation: Invitation, secret: str) -> None:
    """Mail the link, and tell the reader how that went. The link is in the mail and in nothing else."""
    link = request.build_absolute_uri(reverse("invitation", args=[invitation.invitation_id, secret]))
    who = {"email": invitation.email}
    if letters.send_invitation(invitation, link=link):
        messages.success(request, _("An invitation is on its way to %(email)s. It is good for 72 hours.") % who)
    else:
        text = _("The invitation to %(email)s is on the list, but the mail could not be sent. Send it again later.")
        messages.warning(request, text % who)


def _managed(request: HttpRequest, invitation_id: str) -> Invitation:
    return Invitation.objects.select_related("entity", "invited_by").get_permitted(
        request.user, Capability.MEMBER_MANAGE, invitation_id=invitation_id
    )


def _verb_page(request: HttpRequest, invitation: Invitation) -> dict:
    """Return what the page of a verb shows. Raises Refused where the invitation has ended."""
    invitations.check(invitation)
    entity = invitation.entity
    return {
        "invitation": invitation,
        "entity": entity,
        "form": Form(posted(request)),
        "section": "account" if entity else "people",
        "breadcrumbs": trail(entity, invitation.email),
        "tree": drawn_tree(request, entity),
        "back": users_page(entity),
    }


def _opened(request: HttpRequest) -> Invitation | None:
    """Return the invitation whose link was opened in this browser, if it is still good."""
    opened = request.session.get(SESSION_KEY)
    return invitations.pending(opened[0], sendings=opened[1]) if opened else None


def _accept_signed_in(request: HttpRequest, invitation: Invitation, context: dict) -> HttpResponse:
    if request.method != "POST":
        return render(request, "accounts/accept.html", context)
    invitations.accept(invitation, by=request.user)
    del request.session[SESSION_KEY]
    place = invitation.entity.name if invitation.entity else _("the platform")
    messages.success(request, _("You have joined “%(place)s”.") % {"place": place})
    return redirect(invitation.entity or "portal:dashboard")


@sensitive_variables()
def _accept_as_new(request: HttpRequest, invitation: Invitation, context: dict) -> HttpResponse:
    form = NewPersonForm(posted(request), email=invitation.email)
    if not form.is_valid():
        status = HTTPStatus.UNPROCESSABLE_ENTITY if form.is_bound else HTTPStatus.OK
        return render(request, "accounts/accept_as_new.html", context | {"form": form}, status=status)
    name, password = form.cleaned_data["name"], form.cleaned_data["password"]
    invitations.accept_as_new(invitation, name=name, password=password)
    request.session.flush()
    messages.success(request, _("Welcome. Sign in with your e-mail address and your new password."))
    return redirect("account_login")
