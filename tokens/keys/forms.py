"""What people may type about integration keys. No form holds a slot, a mode or a secret."""

import re

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tokens.evidence import Evidence
from tokens.forms import DescriptionField
from tokens.keys.lifecycle import Key

SECRETS = re.compile(r"whsec_[0-9A-Za-z+/]{8}|kh_(?:api|sdk|gtw)_(?:live|test)_[0-9A-Za-z]{16}_")
"""How keys and tokens begin."""


class CreateKeyForm(forms.Form):
    """A key for an empty slot: the value is made, not typed."""

    note = DescriptionField(help_text=gettext_lazy("For whom it is, or why. Never the key itself."))

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.fields["note"].label = _("Note (optional)")

    def clean_note(self) -> str:
        note = str(self.cleaned_data["note"])
        if SECRETS.search(note):  # whoever may see the slots may read the note
            raise forms.ValidationError(_("This holds a key or a token. Say who uses it, not what it is."), code="key")
        return note


class ReplaceKeyForm(forms.Form):
    """The confirmation that a key ends; one in use wants the name of its slot typed.

    `key_id` names the key that stood in the slot when the form was shown: sent twice, it ends one key.
    """

    key_id = forms.CharField(widget=forms.HiddenInput)
    slot = forms.CharField(
        label=gettext_lazy("Type the name of the slot to confirm"),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        error_messages={"required": gettext_lazy("Type the name of the slot.")},
    )

    def __init__(self, *args, key: Key, evidence: Evidence, label: str, **kwargs) -> None:
        super().__init__(*args, initial={"key_id": key.key_id}, **kwargs)
        self.key, self.label = key, label
        self.fields["slot"].help_text = label
        if not evidence.is_in_use:
            del self.fields["slot"]

    def clean_slot(self) -> str:
        typed = str(self.cleaned_data["slot"])
        if typed.strip().casefold() != self.label.casefold():
            raise forms.ValidationError(_("This is not the name of the slot."), code="other")
        return typed

    def clean(self) -> dict:
        if self.cleaned_data.get("key_id") != self.key.key_id:
            self.add_error(None, _("Another key has taken this place meanwhile. Load the page again."))
        return self.cleaned_data


class PromoteForm(forms.Form):
    """The confirmation that keys change places. `keys` names those that were shown: sent twice, it swaps them once."""

    keys = forms.CharField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args, shown: str, **kwargs) -> None:
        super().__init__(*args, initial={"keys": shown}, **kwargs)
        self.shown = shown

    def clean(self) -> dict:
        if self.cleaned_data.get("keys") != self.shown:
            self.add_error(None, _("These keys have changed places or values meanwhile. Load the page again."))
        return {}


class SignatureForm(forms.Form):
    """A signed message, pasted by somebody who wonders why it does not verify."""

    message_id = forms.CharField(label="webhook-id", max_length=200, required=False, strip=True)
    timestamp = forms.CharField(label="webhook-timestamp", max_length=20, required=False, strip=True)
    signature = forms.CharField(
        label="webhook-signature",
        max_length=2_000,
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false", "autocomplete": "off"}),
        error_messages={"required": gettext_lazy("Paste the signature.")},
    )
    payload = forms.CharField(
        label=gettext_lazy("Payload"),
        max_length=100_000,
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 5, "spellcheck": "false", "autocomplete": "off"}),
        help_text=gettext_lazy("The body exactly as it was sent, not parsed and written again."),
    )
