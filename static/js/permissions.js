// The permissions of a new token. A preset's button sets its switches at once; touching a switch marks its group, and the whole, as
// Custom, until the switches stand exactly as a preset has them again. Without this file the server does both, when a button is pressed.

const CUSTOM = "custom";

const switches = (within) => [...within.querySelectorAll('[name="permissions"]')];
const presets = (form) => [...form.querySelectorAll('[name="preset"]')];
const holds = (button) => new Set((button.dataset.holds || "").split(" "));

// The preset that has exactly these switches on, within the form or one of its groups; else Custom.
function matching(form, within) {
  const all = switches(within);
  const found = presets(form).find((button) => {
    const held = holds(button);
    return button.value !== CUSTOM && all.every((each) => each.checked === held.has(each.value));
  });
  return found || presets(form).find((button) => button.value === CUSTOM);
}

function mark(form) {
  const current = matching(form, form);
  for (const button of presets(form)) button.setAttribute("aria-pressed", button === current);
  for (const group of form.querySelectorAll("[data-group]")) {
    group.querySelector("[data-group-preset]").textContent = matching(form, group).textContent;
  }
  return current;
}

function say(text) {
  const region = document.querySelector("body > [data-live]");
  if (region.textContent !== text) region.textContent = text;
}

document.addEventListener("click", (event) => {
  const button = event.target.closest('[data-permissions] [name="preset"]');
  if (!button) return;
  event.preventDefault();
  const { form } = button;
  if (button.value === CUSTOM) {
    switches(form)[0].focus(); // Custom is made with the switches
    return;
  }
  const held = holds(button);
  for (const each of switches(form)) each.checked = held.has(each.value);
  say(mark(form).textContent);
});

document.addEventListener("change", (event) => {
  if (event.target.matches('[data-permissions] [name="permissions"]')) say(mark(event.target.form).textContent);
});

// A browser that comes back to the page may have kept the switches, but not the marks.
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("[data-permissions]")) mark(form);
});
