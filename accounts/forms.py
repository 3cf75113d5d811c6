"""What people may type about entities. No form holds a position, a status or an entity ID of its own making."""

from uuid import uuid4

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import imports
from accounts.fields import LONGEST_REASON, NameField, clean_text
from accounts.models import NESTING, Entity, User
from accounts.permissions import Capability


class AddForm(forms.Form):
    """A new entity below `parent` (None: at the top)."""

    kind = forms.ChoiceField(label=gettext_lazy("Kind"), widget=forms.RadioSelect)
    name = NameField(label=gettext_lazy("Name"))

    def __init__(self, *args, parent: Entity | None, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        above = parent.kind if parent else None
        choices = [(kind.value, kind.label) for kind in Entity.Kind if above in NESTING[kind]]
        self.fields["kind"].choices = choices
        self.fields["kind"].initial = choices[0][0] if choices else None


class AddMerchantForm(forms.Form):
    """A new merchant, under an entity found by search (S1-2)."""

    name = NameField(label=gettext_lazy("Name of the merchant"))
    parent = forms.CharField(
        label=gettext_lazy("Under"),
        help_text=gettext_lazy("Search for the partner or company by name, or paste its entity ID."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        error_messages={"required": gettext_lazy("Choose the entity under which the merchant stands.")},
    )

    def __init__(self, *args, user: User, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        self.fields["parent"].validators = []

    def clean_parent(self) -> Entity:
        parent = find_parent(self.user, self.cleaned_data["parent"])
        if parent.kind not in NESTING[Entity.Kind.MERCHANT]:
            raise forms.ValidationError(_("A merchant stands under a partner or a company."), code="misplaced")
        return parent


class EditForm(forms.Form):
    """Another name for an entity."""

    name = NameField(label=gettext_lazy("Name"))


class MoveForm(forms.Form):
    """Where an entity goes: the ID of its new parent, found by search; empty for the top where the person may."""

    destination = forms.CharField(
        label=gettext_lazy("New parent"),
        required=False,
        help_text=gettext_lazy("Search for it by name, or paste its entity ID."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def __init__(self, *args, user: User, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        self.fields["destination"].validators = []
        if user.has_platform_capability(Capability.ENTITY_MOVE):
            self.fields["destination"].help_text = _(
                "Search for it by name, or paste its entity ID. Leave it empty to move to the top of the account tree."
            )

    def clean_destination(self) -> Entity | None:
        text = clean_text(self.cleaned_data["destination"])
        if not text:
            if self.user.has_platform_capability(Capability.ENTITY_MOVE):
                return None
            raise forms.ValidationError(_("Choose the new parent."), code="required")
        return find_parent(self.user, text)


def find_parent(user: User, text: str) -> Entity:
    """Return the entity that `text` names, by entity ID or whole name, under which `user` may add.

    Raises ValidationError with a sentence where there is none, or more than one.
    """
    found = list(Entity.objects.permitted(user, Capability.ENTITY_ADD).named(clean_text(text))[:2])
    if len(found) == 1:
        return found[0]
    if found:
        raise forms.ValidationError(_("Several entities have this name. Give the entity ID."), code="ambiguous")
    raise forms.ValidationError(_("There is no such entity under which you may add."), code="unknown")


class ReasonForm(forms.Form):
    """Why something is done, for the activity log."""

    reason = forms.CharField(
        label=gettext_lazy("Reason (optional)"),
        required=False,
        help_text=gettext_lazy("Kept in the activity log."),
        widget=forms.TextInput(attrs={"maxlength": LONGEST_REASON, "autocomplete": "off", "dir": "auto"}),
    )

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].validators = []

    def clean_reason(self) -> str:
        return clean_text(self.cleaned_data["reason"], longest=LONGEST_REASON)


class ImportForm(forms.Form):
    """A CSV file, and, once it was looked at, its content again: what was shown is what is added.

    `form_key` names one showing of what would be added: confirmed twice, it is added once.
    """

    file = forms.FileField(
        label=gettext_lazy("CSV file"),
        required=False,
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,text/csv"}),
    )
    content = forms.CharField(required=False, strip=False, widget=forms.HiddenInput)
    confirmed = forms.BooleanField(required=False, widget=forms.HiddenInput)
    form_key = forms.UUIDField(required=False, widget=forms.HiddenInput, initial=uuid4)

    def clean(self) -> dict:
        """Leave what was sent in `content`, as bytes; a browser may have changed the ends of its lines."""
        typed = super().clean() or {}
        if "form_key" in self.errors or (typed.get("confirmed") and not typed.get("form_key")):
            self.add_error(None, _("This form is incomplete. Load the page again."))
        if typed.get("file"):
            typed["content"] = imports.with_plain_ends(typed["file"].read())
        elif typed.get("content"):
            typed["content"] = imports.with_plain_ends(typed["content"].encode(), was_posted=True)
        elif not self.errors:
            self.add_error("file", _("Choose a file."))
        return typed
