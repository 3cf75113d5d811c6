"""Sign-in, as django-allauth asks us about it: nobody signs up alone, and every try is an audit event."""

from allauth.account.adapter import DefaultAccountAdapter
from django.db import transaction
from django.http import HttpRequest, HttpResponse

from accounts import audit
from accounts.models import AuditEvent, User


class SignInAdapter(DefaultAccountAdapter):
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """People are invited; there is no sign-up."""
        return False

    def post_login(self, request: HttpRequest, user: User, **kwargs) -> HttpResponse:
        response = super().post_login(request, user, **kwargs)
        with transaction.atomic():
            audit.record(AuditEvent.Type.SIGNED_IN, by=user)
        return response

    def set_password(self, user: User, password: str) -> None:
        """Store a new password; an event tells that, never what it is."""
        with transaction.atomic():
            super().set_password(user, password)
            audit.record(AuditEvent.Type.PASSWORD_CHANGED, by=user)

    def authentication_failed(self, request: HttpRequest, **credentials) -> None:
        # What was typed is not kept: people type passwords into the wrong field.
        with transaction.atomic():
            audit.record(AuditEvent.Type.SIGN_IN_FAILED, by=audit.Operator("somebody at the sign-in page"))

    def logout(self, request: HttpRequest) -> None:
        user = request.user
        if user.is_authenticated:
            with transaction.atomic():
                audit.record(AuditEvent.Type.SIGNED_OUT, by=user)
        super().logout(request)
