// The account tree as WAI-ARIA describes it. The server sends plain nested lists of links; this file gives them their roles and
// the keyboard, and fetches a branch when it is first opened. Keys: arrows, Home, End, * (opens all siblings), letters, Enter.

const tree = document.querySelector("[data-tree]");
const MOST_REMEMBERED = 12;
const MEMORY = "tree";

const rtl = () => getComputedStyle(tree).direction === "rtl";
const nodes = () => [...tree.querySelectorAll("[role=treeitem]")];
const seen = () => nodes().filter((node) => !node.closest("ul[hidden]"));
const groupOf = (node) => node.parentElement.querySelector(":scope > ul");
const parentOf = (node) => node.closest("ul").parentElement.querySelector(":scope > [role=treeitem]");
const isOpen = (node) => node.dataset.open === "true";
const canOpen = (node) => "branch" in node.dataset;

function dress(list, level) {
  list.setAttribute("role", level === 1 ? "tree" : "group");
  if (level === 1) list.setAttribute("aria-label", tree.dataset.label);
  // -1 is how ARIA says "nobody knows": there are more than have been fetched.
  const size = list.querySelector(":scope > li > [data-more]") ? -1 : list.children.length;
  for (const [index, item] of [...list.children].entries()) {
    const node = item.firstElementChild;
    item.setAttribute("role", "none");
    node.setAttribute("role", "treeitem");
    node.setAttribute("aria-level", level);
    node.setAttribute("aria-setsize", size);
    node.setAttribute("aria-posinset", index + 1);
    if (!node.hasAttribute("tabindex")) node.tabIndex = -1;
    if (canOpen(node)) node.setAttribute("aria-expanded", isOpen(node));
    const group = groupOf(node);
    if (group) dress(group, level + 1);
  }
}

function rove(node) {
  for (const other of tree.querySelectorAll('[role=treeitem][tabindex="0"]')) other.tabIndex = -1;
  node.tabIndex = 0;
}

function go(node) {
  if (!node) return;
  rove(node);
  node.focus();
  node.scrollIntoView({ block: "nearest" });
}

function show(node, open) {
  node.dataset.open = open;
  node.setAttribute("aria-expanded", open);
  const group = groupOf(node);
  if (group) group.hidden = !open;
}

async function fetchList(url) {
  const answer = await fetch(url, { headers: { "HX-Request": "true" }, credentials: "same-origin" });
  if (answer.redirected || answer.headers.has("HX-Redirect")) location.reload(); // signed out meanwhile
  if (!answer.ok) throw new Error(String(answer.status));
  const page = document.createElement("template");
  page.innerHTML = await answer.text();
  const list = page.content.querySelector("ul");
  if (!list) throw new Error("no list");
  return list;
}

async function open(node) {
  if (!canOpen(node) || isOpen(node) || node.getAttribute("aria-busy") === "true") return;
  if (!groupOf(node)) {
    node.setAttribute("aria-busy", "true");
    const list = await fetchList(node.dataset.branch).catch(() => failedList(node.dataset.branch));
    node.removeAttribute("aria-busy");
    dress(list, Number(node.getAttribute("aria-level")) + 1);
    node.after(list);
  }
  show(node, true);
  remember();
}

function close(node) {
  if (groupOf(node)?.querySelector(":scope [tabindex='0']")) rove(node);
  if (groupOf(node)?.querySelector("[data-failed]")) groupOf(node).remove(); // so that opening it tries again
  show(node, false);
  remember();
}

function failedList(url) {
  const list = document.createElement("ul");
  list.className = "tree-branch";
  const more = document.createElement("a");
  Object.assign(more, { href: location.href, className: "tree-node tree-more tree-more-bad", textContent: tree.dataset.failed });
  more.dataset.more = url;
  more.dataset.failed = "";
  list.append(document.createElement("li"));
  list.firstChild.append(more);
  return list;
}

// "Show more", and "try again": the item makes room for what it brings.
async function more(node) {
  if (node.getAttribute("aria-busy") === "true") return;
  node.setAttribute("aria-busy", "true");
  const list = await fetchList(node.dataset.more).catch(() => failedList(node.dataset.more));
  const siblings = node.closest("ul");
  const first = list.querySelector("a");
  node.parentElement.replaceWith(...list.children);
  dress(siblings, Number(node.getAttribute("aria-level")));
  go(first);
}

function remember() {
  const open = seen().filter((node) => canOpen(node) && isOpen(node)).map((node) => node.dataset.branch);
  sessionStorage.setItem(MEMORY, JSON.stringify({ open: open.slice(0, MOST_REMEMBERED), top: tree.parentElement.scrollTop }));
}

async function recall() {
  let memory;
  try {
    memory = JSON.parse(sessionStorage.getItem(MEMORY)) || {};
  } catch {
    memory = {};
  }
  for (const url of memory.open || []) {
    const node = nodes().find((one) => one.dataset.branch === url && !isOpen(one));
    if (node) await open(node);
  }
  if (memory.top) tree.parentElement.scrollTop = memory.top;
  tree.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" });
}

let typed = "";
let typedAt = 0;
function typeahead(from, letter) {
  const now = Date.now();
  typed = now - typedAt > 700 ? letter : typed + letter;
  typedAt = now;
  const all = seen();
  const at = all.indexOf(from);
  const order = [...all.slice(at + (typed.length === 1 ? 1 : 0)), ...all.slice(0, at)];
  const text = typed.toLocaleLowerCase();
  go(order.find((node) => (node.querySelector(".tree-name") || node).textContent.trim().toLocaleLowerCase().startsWith(text)));
}

function inward(node) {
  if (canOpen(node) && !isOpen(node)) open(node);
  else if (canOpen(node)) go(groupOf(node)?.querySelector("[role=treeitem]"));
}

function outward(node) {
  if (canOpen(node) && isOpen(node)) close(node);
  else go(parentOf(node));
}

function press(event, node) {
  const all = seen();
  const at = all.indexOf(node);
  const keys = {
    ArrowDown: () => go(all[at + 1]),
    ArrowUp: () => go(all[at - 1]),
    Home: () => go(all[0]),
    End: () => go(all.at(-1)),
    [rtl() ? "ArrowLeft" : "ArrowRight"]: () => inward(node),
    [rtl() ? "ArrowRight" : "ArrowLeft"]: () => outward(node),
    "*": () => { for (const item of node.closest("ul").children) open(item.firstElementChild); },
    " ": () => node.click(),
  };
  if (keys[event.key]) keys[event.key]();
  else if (event.key.length === 1) typeahead(node, event.key);
  else return;
  event.preventDefault();
}

function start() {
  dress(tree.querySelector("ul"), 1);
  rove(tree.querySelector("[aria-current]") || tree.querySelector("[role=treeitem]"));
  tree.addEventListener("keydown", (event) => {
    const node = event.target.closest("[role=treeitem]");
    if (node && !event.ctrlKey && !event.metaKey && !event.altKey) press(event, node);
  });
  tree.addEventListener("focusin", (event) => {
    const node = event.target.closest("[role=treeitem]");
    if (node) rove(node);
  });
  tree.addEventListener("click", (event) => {
    const node = event.target.closest("[role=treeitem]");
    if (!node) return;
    if ("more" in node.dataset) {
      event.preventDefault();
      more(node);
    } else if (event.target.closest(".tree-twist") && canOpen(node)) {
      event.preventDefault();
      if (isOpen(node)) close(node);
      else open(node);
    }
  });
  window.addEventListener("pagehide", remember);
  recall();
}

if (tree?.querySelector("a")) start();
