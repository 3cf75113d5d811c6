"""What people may type about SDK tokens. No form holds a scope or a secret; whose a token may be, the role says."""

from collections.abc import Sequence

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.forms import ReasonForm
from accounts.models import Entity, Membership, User
from accounts.permissions import Capability, roles_with
from accounts.standing import Standing
from tokens.forms import CreateForm
from tokens.owners import Subject

MOST_OFFERED = 100
"""Members that are offered while one types; any other can be named all the same."""


class IssueForm(CreateForm):
    """SDK tokens for many terminals at once: each is called after its terminal."""

    alias = None
    networks = None


class LostForm(ReasonForm):
    """Why every token of a terminal is stopped."""

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].label = _("What happened (optional)")


class AddSdkForm(CreateForm):
    """A new SDK token: for whom, and what every token is asked for."""

    subject = forms.ChoiceField(label=gettext_lazy("For"), widget=forms.RadioSelect)
    member = forms.EmailField(
        label=gettext_lazy("E-mail address of the member"),
        required=False,
        help_text=gettext_lazy("The token works only as long as this person may sign in and is a member here."),
        widget=forms.EmailInput(attrs={"autocomplete": "off", "list": "members"}),
    )
    field_order = ("subject", "member")

    def __init__(self, *args, standing: Standing, subjects: Sequence[str], user: User, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.standing, self.user = standing, user
        labels = {
            Subject.ENTITY: _("This terminal") if standing.entity.kind == Entity.Kind.TERMINAL else _("This merchant"),
            Subject.MEMBER: _("A member"),
            Subject.OWN: _("Me"),
        }
        self.fields["subject"].choices = [(name, labels[name]) for name in subjects]
        self.fields["subject"].initial = subjects[0]
        self.fields["alias"].help_text = _("A name that tells you later which device it is. You can change it.")
        if Subject.MEMBER not in subjects:
            del self.fields["member"]

    @property
    def members(self) -> list[User]:
        """Those who are offered by name while one types."""
        found = self._members().select_related("user").order_by("user__email")[:MOST_OFFERED]
        return list(dict.fromkeys(membership.user for membership in found))

    def clean(self) -> dict:
        data = super().clean()
        if data.get("subject") == Subject.MEMBER and "member" not in self.errors:
            membership = (
                self._members().select_related("user").filter(user__email__iexact=data.get("member", "")).first()
            )
            if membership is None:
                self.add_error(
                    "member", _("Nobody with this e-mail address is a member here who may sign in and have SDK tokens.")
                )
            else:
                data["user"] = membership.user
        return data

    def wanted(self) -> dict:
        data = super().wanted()
        data.pop("member", None)
        if data.pop("subject") == Subject.OWN:
            data["user"] = self.user
        return data

    def _members(self):
        """Return the memberships of those who may have SDK tokens of their own here, as far as the reader sees."""
        here = Membership.objects.visible_to(self.user).filter(entity__in=self.standing.above)
        return here.filter(user__is_active=True, role__in=roles_with(Capability.SDK_OWN))
