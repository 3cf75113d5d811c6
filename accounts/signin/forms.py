"""What people type, or their browser sends, to set up a second factor and to use it."""

import json
from time import time
from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.forms import ChangePasswordForm
from allauth.core import context
from allauth.mfa.base.forms import AuthenticateForm
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.forms import AuthenticateWebAuthnForm, LoginWebAuthnForm
from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_variables

from accounts import audit, sealing
from accounts.adapter import note_refusal
from accounts.fields import NameField
from accounts.models import User
from accounts.signin import attempts, codes, factors, notices, passkeys

PENDING = 15 * 60
"""Seconds within which a secret that was shown has to be confirmed with a code."""

MOST_CREDENTIAL = 20_000
"""Characters of what a browser sends about a passkey: more than any sends."""


class CodeField(forms.CharField):
    """A code from an authenticator app, or a recovery code."""

    def __init__(self, **options) -> None:
        attrs = {"autocomplete": "one-time-code", "autocapitalize": "off", "spellcheck": "false"}
        super().__init__(max_length=60, widget=forms.TextInput(attrs=attrs), **options)

    @sensitive_variables()
    def bound_data(self, data: Any, initial: Any) -> str:
        """Show no code again that was refused: it may be a password in the wrong field, or still be good elsewhere."""
        return ""


class CredentialField(forms.CharField):
    """What the browser says about a passkey, as JSON; a script puts it there. Never shown again, whatever it was."""

    widget = forms.HiddenInput

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        try:
            return json.loads(text) if text and len(text) <= MOST_CREDENTIAL else None
        except (RecursionError, ValueError):
            return None

    def bound_data(self, data: Any, initial: Any) -> str:
        return ""


class AddAppForm(forms.Form):
    """A code from the app that was just set up. Its secret travels sealed in the page; the server keeps none of it."""

    sealed = forms.CharField(widget=forms.HiddenInput)
    code = CodeField(label=gettext_lazy("Code that the app shows"))

    def __init__(self, *args, user: User, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.place = f"pending app|{user.person_id}"
        shown = self._shown_secret()
        self.is_stale = self.is_bound and not shown
        self.secret = shown or codes.new_secret()
        if not shown:
            sealed = sealing.seal(f"{self.secret} {int(time())}", self.place)
            self.initial["sealed"] = sealed
            self.data = {**self.data.dict(), "sealed": sealed} if self.is_bound else self.data

    @sensitive_variables()
    def _shown_secret(self) -> str:
        """Return the secret that this form showed before, unless that is too long ago or it is not ours."""
        try:
            secret, _space, shown_at = sealing.open_(self.data.get("sealed", ""), self.place).partition(" ")
        except sealing.Unreadable:
            return ""
        return secret if time() - int(shown_at) < PENDING else ""

    @sensitive_variables()
    def clean_code(self) -> str:
        if self.is_stale:
            raise forms.ValidationError(_("That took too long. Scan the new picture, and type its code."), code="old")
        if codes.step_of(self.secret, self.cleaned_data["code"]) is None:
            message = _("This is not the code. Check the clock of your phone, and type the next one.")
            raise forms.ValidationError(message, code="wrong")
        return self.cleaned_data["code"]


class AddPasskeyForm(forms.Form):
    """A passkey that the browser has just made."""

    name = NameField(label=gettext_lazy("Name"), help_text=gettext_lazy("So that you can tell your passkeys apart."))
    credential = CredentialField()

    def clean_credential(self) -> dict:
        return passkeys.check_created(self.cleaned_data["credential"])


class RenamePasskeyForm(forms.Form):
    name = NameField(label=gettext_lazy("Name"))


class CountedCodeForm(AuthenticateForm):
    """A code at sign-in, after the password."""

    code = CodeField(label=gettext_lazy("Code"))

    @sensitive_variables()
    def clean_code(self) -> str:
        self.authenticator = check_code(self.user, self.cleaned_data["code"])
        return ""


class SignInPasskeyForm(AuthenticateWebAuthnForm):
    """A passkey at sign-in, after the password."""

    credential = CredentialField()

    def clean_credential(self) -> Authenticator:
        return passkeys.check_used(self.user, self.cleaned_data["credential"])


class PasskeyAloneForm(LoginWebAuthnForm):
    """A passkey instead of e-mail address and password: it tells whose it is."""

    credential = CredentialField()

    def clean_credential(self) -> Authenticator:
        credential = self.cleaned_data["credential"]
        return passkeys.check_used(passkeys.owner_of(credential), credential)


class CountedChangePasswordForm(ChangePasswordForm):
    """A new password, beside the present one, whose tries are counted (ASVS 6.2.3)."""

    @sensitive_variables()
    def clean_oldpassword(self) -> str:
        check_password(self.user, self.cleaned_data["oldpassword"])
        return self.cleaned_data["oldpassword"]


@sensitive_variables()
def check_code(user: User, code: str) -> Authenticator:
    """Return what `code` belongs to, and use it up. Counts the try; raises ValidationError where it is refused."""
    address = audit.came_from().address
    if attempts.admit(attempts.Kind.CODE, user.email, address) and (factor := factors.use_code(user, code)):
        attempts.forget(attempts.Kind.CODE, user.email, address)
        if factor.type == factors.Type.RECOVERY_CODES:
            notices.send(notices.Notice.CODE_USED, user, context.request)
        return factor
    note_refusal(context.request, attempts.Kind.CODE, user.email, address)
    raise forms.ValidationError(
        _("This code is not right. After ten tries, wait half an hour; after twenty, a day."), code="wrong"
    )


@sensitive_variables()
def check_password(user: User, password: str) -> None:
    """Count a try at the password of somebody who is signed in. Raises ValidationError where it is not the one."""
    if not get_adapter(context.request).reauthenticate(user, password):
        raise forms.ValidationError(_("This is not your password. After ten tries, wait half an hour."), code="wrong")
