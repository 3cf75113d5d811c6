"""What people may type about people: whom to invite, which role to give, who one is."""

from django import forms
from django.contrib.auth.password_validation import password_validators_help_texts, validate_password
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_variables

from accounts.fields import NameField, clean_text
from accounts.models import Entity, Invitation, Membership, User
from accounts.permissions import ROLE_ABOUT, Role, roles_to_give

LONGEST_EMAIL = 254


class RoleForm(forms.Form):
    """A role on `entity` (None: on the whole platform), of those that a person who holds `held` there may give."""

    role = forms.ChoiceField(
        label=gettext_lazy("Role"),
        widget=forms.RadioSelect,
        error_messages={"required": gettext_lazy("Choose a role.")},
    )

    def __init__(self, *args, entity: Entity | None, held: frozenset[str], **kwargs) -> None:
        super().__init__(*args, **kwargs)
        roles = roles_to_give(entity.kind if entity else None, held)
        self.fields["role"].choices = [(role.value, _explained(role)) for role in roles]


class InviteForm(RoleForm):
    """Whom to invite, and to what."""

    email = forms.EmailField(
        label=gettext_lazy("E-mail address"),
        help_text=gettext_lazy("The invitation is sent there, and only whoever reads that mail can accept it."),
        error_messages={"required": gettext_lazy("Enter the e-mail address of the person.")},
        widget=forms.EmailInput(attrs={"autocomplete": "off", "spellcheck": "false", "maxlength": LONGEST_EMAIL}),
    )
    field_order = ("email", "role")

    def __init__(self, *args, user: User, entity: Entity | None, **kwargs) -> None:
        super().__init__(*args, entity=entity, **kwargs)
        self.user, self.entity = user, entity

    def clean_email(self) -> str:
        """Return the address in lower case. What is told here, the inviter reads in the lists of the same page."""
        email = clean_text(self.cleaned_data["email"], longest=LONGEST_EMAIL).lower()
        if not email.isascii():
            raise forms.ValidationError(_("Write the domain in its ASCII form, such as xn--caf-dma.example."))
        here = {"entity": self.entity} if self.entity else {"entity__isnull": True}
        if Membership.objects.visible_to(self.user).filter(user__email__iexact=email, **here).exists():
            raise forms.ValidationError(_("This person has a role here already. Change that one instead."))
        if Invitation.objects.visible_to(self.user).filter(email=email, ended_at__isnull=True, **here).exists():
            raise forms.ValidationError(_("An invitation to this address is pending already. Send that one again."))
        return email


class NewPersonForm(forms.Form):
    """Who somebody is who has not signed in before."""

    name = NameField(label=gettext_lazy("Your name"))
    password = forms.CharField(
        label=gettext_lazy("Password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        error_messages={"required": gettext_lazy("Choose a password.")},
    )
    again = forms.CharField(
        label=gettext_lazy("Password, once more"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        error_messages={"required": gettext_lazy("Type the password once more.")},
    )

    def __init__(self, *args, email: str, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.email = email
        self.fields["name"].widget.attrs |= {"autocomplete": "name"}
        self.fields["password"].help_text = " ".join(password_validators_help_texts())

    @sensitive_variables()
    def clean(self) -> dict:
        """Hold the password against the rules of the house, and against the name and address of its owner."""
        typed = super().clean() or {}
        password = typed.get("password")
        if not password:
            return typed
        try:
            validate_password(password, User(email=self.email, name=typed.get("name", "")))
        except forms.ValidationError as error:
            self.add_error("password", error)
        if "again" in typed and typed["again"] != password:
            self.add_error("again", _("These are two different passwords."))
        return typed


def _explained(role: Role) -> str:
    """Return the label of `role` with what it lets somebody do."""
    return format_html("{}<small>{}</small>", role.label, ROLE_ABOUT[role])
