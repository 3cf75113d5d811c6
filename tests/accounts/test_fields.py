"""What a name may be: everything people write, nothing that hides."""

import unicodedata

import pytest
from django import forms
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.fields import NameField, clean_text
from accounts.models import Entity
from tests.factories import make_administrator, make_entity, make_merchant


class Form(forms.Form):
    name = NameField()


GOOD = {
    "plain": "Aurora Coffee",
    "one character": "A",
    "80 characters": "x" * 80,
    "80 characters beyond the first plane": "\U0001f600" * 80,
    "another script": "北極光咖啡",
    "right to left": "قهوة الشفق",
    "Persian with its non-joiner": "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
    "Hindi with a joiner": "क\u094d\u200dष",
    "an emoji of several": "👩\u200d💻 Studio",
    "an emoji with its variation": "Caf❤\ufe0f\u200d🔥",
    "markup": "<b>Aurora</b> & \"Sons\" 'x'",
    "a formula": "=1+1",
    "a template": "{{ 7 * 7 }}{% debug %}",
    "several words apart": "Aurora  Coffee",
}
BAD = {
    "control": ("Aurora\x07", "U+0007"),
    "NUL": ("Aur\0ora", "U+0000"),
    "a line break": ("Aurora\nCoffee", "U+000A"),
    "a line separator": ("Aurora\u2028Coffee", "U+2028"),
    "a delete": ("Aurora\x7f", "U+007F"),
    "right-to-left override": ("Aurora\u202eeeffoC", "U+202E"),
    "an isolate": ("\u2066Aurora\u2069", "U+2066"),
    "a left-to-right mark": ("Aurora\u200e", "U+200E"),
    "a zero-width space": ("Aur\u200bora", "U+200B"),
    "a word joiner": ("Aur\u2060ora", "U+2060"),
    "a byte order mark": ("\ufeffAurora", "U+FEFF"),
    "a soft hyphen": ("Aur\u00adora", "U+00AD"),
    "a lone surrogate": ("Aurora\ud800", "U+D800"),
    "what could not be decoded": ("Aurora\ufffd", "U+FFFD"),
    "private use": ("Aurora\ue000", "U+E000"),
    "unassigned": ("Aurora\u0378", "U+0378"),
    "a letter that is drawn as nothing": ("\u3164", "U+3164"),
    "a blank of Braille": ("Aurora\u2800", "U+2800"),
    "a joiner between plain letters": ("Aur\u200dora", "U+200D"),
    "a joiner at the end": ("قهوة\u200c", "U+200C"),
    "two joiners": ("\u0645\u06cc\u200c\u200c\u062e\u0648", "U+200C"),
    "nothing but joiners": ("\u200d\u200c", "U+200D"),
    "nothing but a variation": ("\ufe0f", "can be seen"),
    "nothing but an accent": ("\u0301", "can be seen"),
    "81 characters": ("x" * 81, "at most 80 characters; this has 81"),
    "81 characters once composed": ("\ufb2c" * 27, "at most 80 characters; this has 81"),
    "far too many": ("x" * 100_000, "at most 80"),
    "nothing": ("", "Enter a name."),
    "spaces": (" \t\u00a0\u3000 ", "Enter a name."),
}


@pytest.mark.parametrize("kind", GOOD)
def test_a_name_that_people_write_is_kept_as_it_is(kind: str):
    form = Form({"name": GOOD[kind]})
    assert form.is_valid(), form.errors
    assert form.cleaned_data["name"] == unicodedata.normalize("NFC", GOOD[kind])


@pytest.mark.parametrize("kind", BAD)
def test_a_name_that_hides_something_gets_a_sentence(kind: str):
    text, sentence = BAD[kind]
    form = Form({"name": text})
    assert not form.is_valid()
    assert len(form.errors["name"]) == 1
    assert sentence in form.errors["name"][0]
    assert form.errors["name"][0].endswith(".")


def test_the_same_name_is_stored_alike_however_it_was_typed():
    assert clean_text("  Cafe\u0301 ") == clean_text("Caf\u00e9") == "Caf\u00e9"


def test_a_longer_text_may_be_asked_for():
    assert clean_text("x" * 200, longest=200) == "x" * 200
    with pytest.raises(ValidationError, match="at most 200"):
        clean_text("x" * 201, longest=200)


@given(st.text(max_size=100))
@settings(max_examples=300, deadline=None, database=None)
def test_whatever_is_typed_is_cleaned_for_good_or_refused(text: str):
    try:
        cleaned = clean_text(text)
    except ValidationError:
        return
    assert len(cleaned) <= 80
    assert cleaned == cleaned.strip() == unicodedata.normalize("NFC", cleaned) == clean_text(cleaned)
    assert cleaned.encode().decode() == cleaned
    assert cleaned == "" or any(unicodedata.category(character)[0] in "LNPS" for character in cleaned)


@pytest.mark.parametrize("kind", GOOD)
def test_the_database_gives_a_name_back_and_the_page_shows_it_as_text(client: Client, db, kind: str):
    company = make_entity(Entity.Kind.COMPANY)
    client.force_login(make_administrator(company))
    page = client.post(
        reverse("accounts:add", args=[company.entity_id]), {"kind": "merchant", "name": GOOD[kind]}, follow=True
    )
    name = unicodedata.normalize("NFC", GOOD[kind])
    assert Entity.objects.get(parent=company).name == name
    assert "<b>Aurora" not in page.text
    assert "49" not in page.text.partition("<h1")[2].partition("</h1>")[0]


@pytest.mark.parametrize("kind", BAD)
def test_a_refused_name_is_told_at_the_field_and_changes_nothing(client: Client, db, kind: str):
    merchant = make_merchant("Aurora")
    client.force_login(make_administrator(merchant))
    text = BAD[kind][0].encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    answer = client.post(reverse("accounts:edit", args=[merchant.entity_id]), {"name": text})
    assert answer.status_code == 422
    assert "invalid-feedback" in answer.text
    assert Entity.objects.get(pk=merchant.pk).name == "Aurora"
