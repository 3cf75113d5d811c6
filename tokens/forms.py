"""What people may type about tokens. No form holds a status, an entity or a secret."""

from collections.abc import Iterable
from datetime import UTC, datetime, time, timedelta
from ipaddress import ip_network
from uuid import uuid4

from django import forms
from django.forms.utils import ErrorDict
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.fields import NameField, clean_text
from tokens.evidence import Evidence
from tokens.models import Token
from tokens.permissions import (
    CATALOGUE,
    MERCHANT_SCOPE,
    PAYMENTS_SCOPE,
    PRESET_LABELS,
    PRESETS,
    THINGS,
    VIEW,
    preset_of,
)

LONGEST_DESCRIPTION = 500
MOST_NETWORKS = 20
LONGEST_LIFE = timedelta(days=3653)
"""How far a chosen expiry may lie: further, it is a slip of the finger, and a rotation could not count that far."""

LIFETIMES = {
    "never": gettext_lazy("Never"),
    "30": gettext_lazy("In 30 days"),
    "90": gettext_lazy("In 90 days"),
    "365": gettext_lazy("In 365 days"),
    "date": gettext_lazy("On a date"),
}
OVERLAPS = {
    "0": gettext_lazy("None: the old token stops now"),
    "3600": gettext_lazy("1 hour"),
    "86400": gettext_lazy("24 hours"),
    "604800": gettext_lazy("7 days"),
    "confirm": gettext_lazy("Until I confirm"),
}
"""Seconds -> words; `confirm` has no end of its own."""


class DescriptionField(forms.CharField):
    """Some words about what a token is for: up to 500 visible characters on one line."""

    def __init__(self, **kwargs) -> None:
        super().__init__(label=gettext_lazy("Description (optional)"), required=False, **kwargs)
        self.validators = []
        self.widget.attrs |= {"maxlength": LONGEST_DESCRIPTION, "dir": "auto", "autocomplete": "off"}

    def to_python(self, value: object) -> str:
        return clean_text(super().to_python(value), longest=LONGEST_DESCRIPTION)


class NetworksField(forms.CharField):
    """CIDR blocks, one on each line, IPv4 or IPv6; cleaned to the space-separated form in which a token keeps them."""

    def __init__(self, **kwargs) -> None:
        rows = {"rows": 2, "spellcheck": "false", "autocomplete": "off", "dir": "ltr"}
        super().__init__(required=False, widget=forms.Textarea(attrs=rows), **kwargs)
        self.validators = []

    def to_python(self, value: object) -> str:
        blocks = super().to_python(value).replace(",", " ").split()
        if len(blocks) > MOST_NETWORKS:
            raise forms.ValidationError(_("Give at most %(most)d networks.") % {"most": MOST_NETWORKS})
        return " ".join(dict.fromkeys(self._block(text) for text in blocks))

    @staticmethod
    def _block(text: str) -> str:
        try:
            return _network(text)
        except ValueError:
            shown = clean_text(text[:40])
            message = _("“%(text)s” is no network. Write one as 192.0.2.0/24 or 2001:db8::/32.")
            raise forms.ValidationError(message % {"text": shown}, code="network") from None


def _network(text: str) -> str:
    """Return a network as a token keeps it: one that stands for IPv4 addresses in IPv6 as the IPv4 network it is.

    Raises ValueError for anything else, an IPv6 zone too: that is a name on one machine, and can be any text.
    """
    if "%" in text or not text.isascii():
        raise ValueError(text)
    network = ip_network(text, strict=False)
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    return str(ip_network((mapped, network.prefixlen - 96))) if mapped and network.prefixlen >= 96 else str(network)


class CreateForm(forms.Form):
    """What every new token is asked for. `form_key` names one showing of the form: sent twice, it makes one token."""

    mode = forms.ChoiceField(
        label=gettext_lazy("Type"), choices=Token.Mode.choices, initial=Token.Mode.LIVE, widget=forms.RadioSelect
    )
    alias = NameField(
        label=gettext_lazy("Alias (optional)"),
        required=False,
        help_text=gettext_lazy("A name that tells you later what uses this token. You can change it at any time."),
    )
    description = DescriptionField()
    lifetime = forms.ChoiceField(
        label=gettext_lazy("Expires"), choices=tuple(LIFETIMES.items()), initial="never", required=False
    )
    expires_on = forms.DateField(
        label=gettext_lazy("Expiry date"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=gettext_lazy("The token works until the end of this day, UTC."),
    )
    networks = NetworksField(
        label=gettext_lazy("Allowed networks (optional)"),
        help_text=gettext_lazy("One on each line, such as 192.0.2.0/24. Requests from elsewhere are refused."),
    )
    form_key = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)

    def clean(self) -> dict:
        if "form_key" in self.errors:  # hidden, so its error has no field to stand next to
            self.add_error(None, _("This form is incomplete. Load the page again."))
        return self.cleaned_data

    def clean_expires_on(self):
        day = self.cleaned_data["expires_on"]
        if self.cleaned_data.get("lifetime") != "date":
            if day:  # which of the two is meant nobody can tell, and a token that never expires is the worse guess
                raise forms.ValidationError(_("Choose “On a date” above, or leave this empty."), code="unused")
            return None
        if day is None:
            raise forms.ValidationError(_("Choose the day on which the token expires."), code="required")
        if day < timezone.now().date():
            raise forms.ValidationError(_("This day is over. Choose one to come."), code="past")
        if day > timezone.now().date() + LONGEST_LIFE:
            raise forms.ValidationError(_("Choose a day within ten years."), code="far")
        return day

    def wanted(self) -> dict:
        """Return what was asked for, as `lifecycle.create` takes it."""
        data = dict(self.cleaned_data)
        lifetime, day = data.pop("lifetime") or "never", data.pop("expires_on")
        if lifetime == "date":
            data["expires_at"] = datetime.combine(day + timedelta(days=1), time.min, UTC)
        elif lifetime != "never":
            data["expires_at"] = timezone.now() + timedelta(days=int(lifetime))
        return data


class AddForm(CreateForm):
    """A new API token (S1-5 ... S1-23)."""

    permissions = forms.MultipleChoiceField(
        label=gettext_lazy("Permissions"),
        choices=[(name, name) for thing in THINGS for name in (f"{thing}.view", f"{thing}.edit")],
        initial=sorted(VIEW),  # nobody gets more than they asked for
        error_messages={
            "required": gettext_lazy("Choose at least one permission: a token without any can do nothing.")
        },
    )

    def clean_permissions(self) -> frozenset[str]:
        return frozenset(self.cleaned_data["permissions"])

    def apply_preset(self, name: str) -> None:
        """Tick exactly what the preset `name` holds, in a form that is only shown again: without JavaScript.

        Custom, or a name that is none, leaves the ticks as they are. What is not finished yet is not complained about.
        """
        if name in PRESETS:
            self.data = self.data.copy()
            self.data.setlist("permissions", sorted(PRESETS[name]))
        self._errors = ErrorDict()

    def ticked(self) -> frozenset[str]:
        """Return the permissions that stand ticked in the form as it is shown."""
        return CATALOGUE & frozenset(self["permissions"].value() or ())

    @property
    def preset(self) -> str:
        """The preset whose exact set is ticked, else `custom` (S1-20, S1-21)."""
        return preset_of(self.ticked())

    @property
    def groups(self) -> list[dict]:
        """Both scopes: `{label, preset, rows: [{label, view, edit}]}` (S1-15 ... S1-17)."""
        return groups_of(self.ticked())

    @property
    def presets(self) -> list[tuple[str, str, str]]:
        """(name, label, its permissions separated by spaces) of each preset, for the buttons and their script."""
        return [(name, str(PRESET_LABELS[name]), " ".join(sorted(held))) for name, held in PRESETS.items()]


def groups_of(held: frozenset[str]) -> list[dict]:
    """Return both scopes with each permission of the catalogue, and whether it is among those `held`."""
    return [
        _group(_("Merchant scope"), MERCHANT_SCOPE, held),
        _group(_("Payments scope"), PAYMENTS_SCOPE, held),
    ]


def _group(label: str, things: dict, ticked: frozenset[str]) -> dict:
    rows = [
        {
            "label": words,
            "view": {"name": f"{thing}.view", "ticked": f"{thing}.view" in ticked},
            "edit": {"name": f"{thing}.edit", "ticked": f"{thing}.edit" in ticked},
        }
        for thing, words in things.items()
    ]
    return {"label": label, "preset": PRESET_LABELS[preset_of(ticked, within=things)], "rows": rows}


def presets_of(token: Token) -> dict:
    """Return the initial values with which *Duplicate* opens the form: the same presets as `token` (S3-8)."""
    return {
        "mode": token.mode,
        "alias": "",
        "description": token.description,
        "permissions": sorted(token.scope.split()),
        "networks": "\n".join(token.networks.split()),
    }


class EditForm(forms.Form):
    """Alias and description: all that can be changed about a token (S0-31, S3-6)."""

    alias = NameField(label=gettext_lazy("Alias"), error_messages={"required": gettext_lazy("Enter an alias.")})
    description = DescriptionField()


class ConfirmForm(forms.Form):
    """The confirmation of a step that can hurt; a token in use wants its alias typed."""

    alias = forms.CharField(
        label=gettext_lazy("Type the alias to confirm"),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "dir": "auto"}),
        error_messages={"required": gettext_lazy("Type the alias of the token.")},
    )

    def __init__(self, *args, token: Token, evidence: Evidence | None, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.token = token
        self.fields["alias"].validators = []
        if evidence is None or not evidence.is_in_use:
            del self.fields["alias"]

    def clean_alias(self) -> str:
        if self.cleaned_data["alias"] != self.token.alias:
            raise forms.ValidationError(_("This is not the alias of the token."), code="other")
        return self.cleaned_data["alias"]


class OverlapForm(forms.Form):
    """How long a retiring token works on beside its successor."""

    overlap = forms.ChoiceField(
        label=gettext_lazy("The old token works on for"), initial="86400", widget=forms.RadioSelect
    )

    def __init__(self, *args, offered: Iterable[str] = ("3600", "86400", "604800", "confirm"), **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.fields["overlap"].choices = [(name, OVERLAPS[name]) for name in offered]

    def clean_overlap(self) -> timedelta | None:
        text = self.cleaned_data["overlap"]
        return None if text == "confirm" else timedelta(seconds=int(text))


class RotateForm(OverlapForm):
    """A successor for a token. `form_key` as in AddForm."""

    form_key = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, offered=OVERLAPS, **kwargs)

    def clean(self) -> dict:
        if "form_key" in self.errors:
            self.add_error(None, _("This form is incomplete. Load the page again."))
        return self.cleaned_data
