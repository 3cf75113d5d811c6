"""Sign-in, as django-allauth asks us about it: nobody signs up alone, tries are counted, and every one is an event."""

from datetime import timedelta

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.authentication import get_authentication_records
from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from accounts import audit
from accounts.models import AuditEvent, User
from accounts.signin import attempts, devices, notices, passwords, pending, sessions
from accounts.signin.notices import Notice

NOBODY = "nobody@keyhouse.invalid"
"""Whose password is checked where a try is not to be evaluated: it takes as long as for anybody unknown."""


class SignInAdapter(DefaultAccountAdapter):
    error_messages = DefaultAccountAdapter.error_messages | {
        # The same words for an unknown address, a wrong password and one that is not looked at any more.
        "email_password_mismatch": _(
            "The e-mail address or the password is not correct. After ten tries, wait half an hour."
        ),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """People are invited; there is no sign-up."""
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        """Return the address that the audit log has too: never one that the caller wrote."""
        return audit.came_from().address

    @sensitive_variables()
    def authenticate(self, request: HttpRequest, **credentials: str) -> User | None:
        """Return whose e-mail address and password these are. Evaluates ten tries for one person from one address."""
        account, address = credentials["email"], audit.came_from().address
        if not attempts.admit(attempts.Kind.PASSWORD, account, address):
            credentials |= {"email": NOBODY}
        user: User | None = super().authenticate(request, **credentials)
        if user:
            attempts.forget(attempts.Kind.PASSWORD, account, address)
        else:
            note_refusal(request, attempts.Kind.PASSWORD, account, address)
        return user

    @sensitive_variables()
    def reauthenticate(self, user: User, password: str) -> bool:
        """Whether `password` is that of `user`, who is signed in; counted like a sign-in."""
        return self.authenticate(context.request, email=user.email, password=password) == user

    def pre_login(self, request: HttpRequest, user: User, **kwargs) -> HttpResponse | None:
        """Bind what begins here to how the person signs in now: a second step may follow minutes later."""
        pending.begin(request, user)
        response: HttpResponse | None = super().pre_login(request, user, **kwargs)
        return response

    def post_login(self, request: HttpRequest, user: User, **kwargs) -> HttpResponse:
        """Note the sign-in, and tell its owner where it was made in a browser they have not used before."""
        response = super().post_login(request, user, **kwargs)
        pending.end(request)
        used = [record.get("type", record["method"]) for record in get_authentication_records(request, user)]
        is_first = not AuditEvent.objects.filter(actor=user, type=AuditEvent.Type.SIGNED_IN).exists()
        with transaction.atomic():
            audit.record(AuditEvent.Type.SIGNED_IN, by=user, target=user.person_id, used=used)
        if not is_first and not devices.is_known(request, user):
            notices.send(Notice.NEW_DEVICE, user, request)
        devices.remember(request, response, user)
        sessions.clear_away()
        return response

    @sensitive_variables()
    def set_password(self, user: User, password: str) -> None:
        """Store a new password; an event tells that, never what it is."""
        with transaction.atomic():
            passwords.store(user, password)
            audit.record(AuditEvent.Type.PASSWORD_CHANGED, by=user, target=user.person_id)
        attempts.forget(attempts.Kind.PASSWORD, user.email, audit.came_from().address)
        if context.request and context.request.user == user:
            sessions.end_others(context.request)
        else:
            sessions.end_all(user)
        notices.send(Notice.PASSWORD_CHANGED, user, context.request)

    @sensitive_variables()
    def send_mail(self, template_prefix: str, email: str, context: dict) -> None:
        """Send what django-allauth has to say, in our words, behind the answer: its time tells nothing."""
        notices.post(self.render_mail(template_prefix, email, context | {"email": email}))

    def send_notification_mail(self, template_prefix: str, user: User, *_args: object, **_kwargs: object) -> None:
        """Send none of django-allauth's: whatever changes a sign-in sends its own notice."""

    def logout(self, request: HttpRequest) -> None:
        user = request.user
        if user.is_authenticated:
            with transaction.atomic():
                audit.record(AuditEvent.Type.SIGNED_OUT, by=user)
        super().logout(request)


class FactorAdapter(DefaultMFAAdapter):
    error_messages = DefaultMFAAdapter.error_messages | {
        "incorrect_code": _("That was not accepted. Try again."),
    }

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        """Return for whom passkeys are made: the host that was asked, under our name."""
        return super().get_public_key_credential_rp_entity() | {"name": "Keyhouse"}


def note_refusal(request: HttpRequest, kind: attempts.Kind, account: str, address: str) -> None:
    """Record that a try at `account` was refused, and for whom where there is such a person.

    What was typed is not kept: people type passwords into the wrong field (PCI DSS 4.0, 10.2.1.4).
    """
    known = User.objects.filter(email=account.strip().casefold()).only("person_id", "email").first()
    target = known.person_id if known else ""
    signed_in = request.user.is_authenticated
    by = request.user if signed_in else audit.Operator("somebody at the sign-in page")
    event = AuditEvent.Type.PROOF_REFUSED if signed_in else AuditEvent.Type.SIGN_IN_FAILED
    is_last = attempts.is_last(kind, account, address)
    is_new = is_last and not _was_locked_lately(target)
    with transaction.atomic():
        audit.record(event, by=by, target=target, tried=kind.value)
        if is_last:
            audit.record(AuditEvent.Type.SIGN_IN_LOCKED, by=by, target=target, tried=kind.value)
    if known and is_new:
        notices.send(Notice.MANY_FAILURES, known, request)


def _was_locked_lately(target: str) -> bool:
    """Whether the person `target` was told within a day: trying on from many addresses must not fill their mailbox."""
    since = timezone.now() - timedelta(days=1)
    return AuditEvent.objects.filter(target=target, type=AuditEvent.Type.SIGN_IN_LOCKED, at__gt=since).exists()
