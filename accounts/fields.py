"""Text that people type and others read: names, aliases."""

import re
import unicodedata

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

LONGEST_NAME = 80
LONGEST_REASON = 200

_JOINERS = {"\u200c", "\u200d"}
"""Needed inside Persian, Indic and emoji; between or beside plain letters they only make two names look like one."""

_UNREADABLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Unicode categories in which a name lies about itself: control, bidi, surrogate, unassigned, line breaks."""

_BLANKS = set("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\ufffd")
"""Letters and signs that are drawn as nothing, and the sign for what could not be decoded."""

_PILED = re.compile("[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]{4}")
"""More marks on one letter than any language writes: they draw over the lines around them."""


def clean_text(text: str, *, longest: int = LONGEST_NAME) -> str:
    """Return `text` in NFC, without white space around it.

    Raises ValidationError with a sentence where it is longer than `longest` characters, holds a character that cannot
    be seen (and could make it look like another name), or nothing that can.
    """
    for place, character in enumerate(text):
        if _is_unreadable(character) and not _joins(text, place):
            raise ValidationError(
                _("Leave out the invisible or unreadable character U+%(code)s.") % {"code": f"{ord(character):04X}"},
                code="unreadable",
            )
    text = unicodedata.normalize("NFC", text).strip()
    if len(text) > longest:
        raise ValidationError(
            _("Use at most %(longest)d characters; this has %(length)d.") % {"longest": longest, "length": len(text)},
            code="too_long",
        )
    if _PILED.search(unicodedata.normalize("NFD", text)):
        raise ValidationError(_("Put fewer marks on one letter: they would cover what stands above."), code="piled")
    if text and not any(unicodedata.category(character)[0] in "LNPS" for character in text):
        raise ValidationError(_("Use at least one character that can be seen."), code="invisible")
    return text


def _is_unreadable(character: str) -> bool:
    return character in _BLANKS or unicodedata.category(character) in _UNREADABLE


def _joins(text: str, place: int) -> bool:
    """Whether a joiner stands at `place` between two characters that it may join."""
    around = text[max(place - 1, 0) : place] + text[place + 1 : place + 2]
    return (
        text[place] in _JOINERS and len(around) == 2 and not any(each.isascii() or each in _JOINERS for each in around)
    )


class NameField(forms.CharField):
    """A name of 1 to 80 visible characters."""

    default_error_messages = {"required": gettext_lazy("Enter a name.")}

    def __init__(self, **kwargs) -> None:
        super().__init__(strip=True, **kwargs)
        self.validators = []  # NUL and the length are told by clean_text, in the same words as the rest
        self.widget.attrs.setdefault("maxlength", LONGEST_NAME)
        self.widget.attrs.setdefault("autocomplete", "off")
        self.widget.attrs.setdefault("dir", "auto")

    def to_python(self, value: object) -> str:
        return clean_text(super().to_python(value))
