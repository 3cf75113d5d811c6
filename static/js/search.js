// A search for entities as a combobox: answers while one types, arrows choose, Esc takes it back. The tree's search goes
// to what is chosen (data-search="go"); a form field takes its ID (data-search="pick"). Without this file the first is a
// plain form that leads to a page of answers, and the second a field into which one pastes an ID.

const typing = (element) => element.matches("input, textarea, select, [contenteditable]");

class Search {
  constructor(holder) {
    this.holder = holder;
    this.input = holder.querySelector("input:not([type=hidden])");
    this.box = document.getElementById(holder.dataset.results);
    this.live = this.box.nextElementSibling;
    this.panel = holder.closest(".tree-panel");
    this.pause = 0;
    this.asked = null;
    this.input.autocomplete = "off";
    for (const [name, value] of [["role", "combobox"], ["aria-autocomplete", "list"], ["aria-expanded", "false"]]) {
      this.input.setAttribute(name, value);
    }
    this.input.addEventListener("input", () => this.soon());
    this.input.addEventListener("keydown", (event) => this.press(event));
    this.box.addEventListener("click", (event) => this.pick(event));
    this.box.addEventListener("mousedown", (event) => event.preventDefault()); // the input keeps the focus
    this.input.addEventListener("blur", () => { if (!this.panel) this.clear(); });
  }

  get options() { return [...this.box.querySelectorAll("[role=option]")]; }

  get active() { return this.box.querySelector('[aria-selected="true"]'); }

  soon() {
    clearTimeout(this.pause);
    this.pause = setTimeout(() => this.ask(), 180);
  }

  async ask() {
    const text = this.input.value.trim();
    this.asked?.abort();
    if (!text) return this.clear();
    this.asked = new AbortController();
    const url = new URL(this.holder.dataset.url || this.holder.action, location.href);
    url.searchParams.set("q", text);
    try {
      const answer = await fetch(url, { headers: { "HX-Request": "true" }, signal: this.asked.signal });
      if (answer.redirected || answer.headers.has("HX-Redirect")) return location.reload(); // signed out meanwhile
      if (!answer.ok) throw new Error(String(answer.status));
      this.box.innerHTML = await answer.text();
    } catch (error) {
      if (error.name === "AbortError") return;
      this.box.innerHTML = '<p class="results-note"></p>';
      this.box.firstChild.textContent = this.holder.dataset.failed;
    }
    this.show();
  }

  show() {
    const list = this.box.querySelector("ul");
    if (list) this.dress(list);
    this.box.hidden = false;
    this.panel?.setAttribute("data-searching", "");
    this.input.setAttribute("aria-expanded", String(Boolean(list)));
    this.live.textContent = (this.box.querySelector("[data-summary]") || this.box).textContent.trim();
  }

  dress(list) {
    list.id = `${this.box.id}-list`;
    list.setAttribute("role", "listbox");
    list.setAttribute("aria-label", this.holder.dataset.label);
    this.input.setAttribute("aria-controls", list.id);
    list.querySelectorAll("a").forEach((link, number) => {
      link.parentElement.setAttribute("role", "none");
      link.setAttribute("role", "option");
      link.setAttribute("aria-selected", "false");
      link.id = `${this.box.id}-${number}`;
      link.tabIndex = -1;
    });
  }

  clear() {
    this.asked?.abort();
    clearTimeout(this.pause);
    this.box.replaceChildren();
    this.live.textContent = "";
    this.panel?.removeAttribute("data-searching");
    this.input.setAttribute("aria-expanded", "false");
    this.input.removeAttribute("aria-controls");
    this.point(null);
  }

  point(option) {
    this.active?.setAttribute("aria-selected", "false");
    option?.setAttribute("aria-selected", "true");
    option?.scrollIntoView({ block: "nearest" });
    if (option) this.input.setAttribute("aria-activedescendant", option.id);
    else this.input.removeAttribute("aria-activedescendant");
  }

  press(event) {
    const all = this.options;
    const at = all.indexOf(this.active);
    if (event.key === "ArrowDown" && all.length) this.point(all[(at + 1) % all.length]);
    else if (event.key === "ArrowUp" && all.length) this.point(all.at(at < 0 ? -1 : at - 1));
    else if (event.key === "Enter" && this.active) this.active.click();
    else if (event.key === "Escape" && this.box.childElementCount) {
      if (this.panel) this.input.value = "";
      this.clear();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  pick(event) {
    const link = event.target.closest("[data-value]");
    if (!link || this.holder.dataset.search !== "pick") return;
    event.preventDefault();
    this.input.value = link.dataset.value;
    this.clear();
    this.input.focus();
  }
}

function start(within) {
  for (const holder of within.querySelectorAll("[data-search]:not([data-ready])")) {
    holder.dataset.ready = "";
    new Search(holder);
  }
}

document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || document.querySelector("dialog[open]")) return;
  const input = document.querySelector(".tree-search input");
  if (!input) return;
  event.preventDefault();
  const panel = input.closest(".tree-panel");
  if (!panel.checkVisibility()) panel.showPopover();
  input.focus();
  input.select();
});

start(document);
document.addEventListener("htmx:afterSwap", (event) => start(event.detail.target));
