"""Hands on the keyboard alone."""

from playwright.sync_api import Locator, Page, expect


def tab_to(wanted: Locator, *, most: int = 120, key: str = "Tab") -> None:
    """Press Tab until `wanted` has the focus, as somebody without a mouse does."""
    expect(wanted).to_have_count(1)
    element = wanted.element_handle()
    for _ in range(most):
        if element.evaluate("element => element === document.activeElement"):
            return
        wanted.page.keyboard.press(key)
    raise AssertionError(f"{most} times {key} did not lead to {wanted}")


def has_focus(element: Locator) -> bool:
    return element.count() == 1 and element.evaluate("element => element === document.activeElement")


def choose(wanted: Locator) -> None:
    """Go to `wanted` with Tab and press Enter on it."""
    tab_to(wanted)
    wanted.page.keyboard.press("Enter")


def fill(field: Locator, text: str) -> None:
    """Go to `field` with Tab, and replace what stands in it."""
    tab_to(field)
    field.page.keyboard.press("Control+A")
    field.page.keyboard.type(text)


def dialog_of(page: Page, title: str) -> Locator:
    """Return the open dialog whose heading holds `title`."""
    dialog = page.get_by_role("dialog", name=title)
    expect(dialog).to_be_visible()
    return dialog


def focus_is_seen(page: Page) -> bool:
    """Tell whether the focused element draws an outline or a shadow around itself."""
    return page.evaluate(
        """() => {
            const style = getComputedStyle(document.activeElement);
            return (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== "none";
        }"""
    )
