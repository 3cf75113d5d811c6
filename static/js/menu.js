// A menu is a <details>, which opens by itself. Added here: Esc and a click beside it close it, as people expect.

const open = () => document.querySelectorAll("details.menu[open]");

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of open()) {
    if (menu.contains(document.activeElement)) menu.querySelector("summary").focus();
    menu.open = false;
  }
});

document.addEventListener("click", (event) => {
  for (const menu of open()) {
    if (!menu.contains(event.target) || event.target.closest(".menu-panel a")) menu.open = false;
  }
});

// What the browser remembers of the tree belongs to the person who leaves.
document.addEventListener("submit", (event) => {
  if (!event.target.matches("[data-forget]")) return;
  // On leaving, after the tree has noted once more which branches are open.
  window.addEventListener("pagehide", () => sessionStorage.clear(), { once: true });
});
