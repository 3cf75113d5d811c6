"""What a person may ask the activity log for."""

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.events import GROUPS, EventType, Outcome, types_of
from accounts.fields import clean_text
from accounts.timeline import EVERYTHING, Asked

FIRST, LAST = date(2000, 1, 1), date(2199, 12, 31)
"""Days that may be asked about: beyond them databases and calendars begin to differ."""

PUBLIC_ID = re.compile("[A-Za-z0-9_-]{1,40}")
"""Key IDs, entity IDs, person IDs. A whole token is longer."""

LONGEST = 254


def _kinds() -> list[tuple[Any, Any]]:
    """Return the choices: everything, and for each group all of it and each of its kinds."""
    groups = []
    for name, (label, _prefixes) in GROUPS.items():
        own = [(each.value, each.label) for each in types_of(name)]
        groups.append((label, [(name, _("All: %(group)s") % {"group": label}), *own]))
    return [("", _("Every kind")), *groups]


class ActivityFilter(forms.Form):
    """By kind of event, outcome, who, object and time. Every field may be left blank."""

    use_required_attribute = False

    kind = forms.ChoiceField(label=gettext_lazy("Event"), choices=_kinds, required=False)
    outcome = forms.ChoiceField(
        label=gettext_lazy("Outcome"),
        choices=lambda: [("", _("Every outcome")), *Outcome.choices],
        required=False,
    )
    who = forms.CharField(label=gettext_lazy("By"), required=False)
    target = forms.CharField(label=gettext_lazy("Object"), required=False)
    since = forms.DateField(label=gettext_lazy("From"), required=False)
    until = forms.DateField(label=gettext_lazy("To"), required=False)

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        hints = {"who": _("E-mail or person ID"), "target": _("Key ID or entity ID")}
        for name, hint in hints.items():
            self.fields[name].validators = []  # NUL and the length are told by clean_text
            self.fields[name].widget.attrs |= {"placeholder": hint, "maxlength": LONGEST, "autocomplete": "off"}
        for name in ("since", "until"):
            self.fields[name].widget = forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})
            self.fields[name].input_formats = ["%Y-%m-%d"]
            self.fields[name].error_messages["invalid"] = _("Enter a day as year-month-day, such as 2026-11-20.")
        for name in ("kind", "outcome"):
            self.fields[name].error_messages["invalid_choice"] = _("There is no such choice. Choose one of the list.")

    @property
    def is_narrow(self) -> bool:
        """Whether anything is asked for at all."""
        return any(self.data.get(name) for name in self.fields)

    def clean_who(self) -> str:
        return clean_text(self.cleaned_data["who"], longest=LONGEST)

    def clean_target(self) -> str:
        target = self.cleaned_data["target"]
        if target and not PUBLIC_ID.fullmatch(target):
            # Not shown again: it may be a whole token.
            self.data = self.data.copy()
            self.data["target"] = ""
            raise forms.ValidationError(_("Enter a key ID, entity ID or person ID; never a whole token."), code="shape")
        return str(target)

    def clean_since(self) -> date | None:
        return self._day("since")

    def clean_until(self) -> date | None:
        return self._day("until")

    def clean(self) -> dict[str, Any]:
        found: dict[str, Any] = super().clean() or self.cleaned_data
        if found.get("since") and found.get("until") and found["since"] > found["until"]:
            self.add_error("until", _("This day is before the one it should begin with."))
        return found

    def asked(self) -> Asked:
        """Return what is asked for, once the form is valid."""
        found = self.cleaned_data
        if not self.is_narrow:
            return EVERYTHING
        kind = found["kind"]
        types = types_of(kind) if kind in GROUPS else [EventType(kind)] if kind else []
        return Asked(
            types=types,
            outcome=found["outcome"],
            who=found["who"],
            target=found["target"],
            since=_midnight(found["since"]),
            until=_midnight(found["until"] and found["until"] + timedelta(days=1)),
        )

    def _day(self, name: str) -> date | None:
        day: date | None = self.cleaned_data[name]
        if day and not FIRST <= day <= LAST:
            raise forms.ValidationError(_("Choose a day between 2000 and 2199."), code="range")
        return day


def _midnight(day: date | None) -> datetime | None:
    return datetime.combine(day, time(), tzinfo=UTC) if day else None
