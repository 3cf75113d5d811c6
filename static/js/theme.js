// Light or dark. The choice is a cookie, so that the server draws the page in it and nothing flickers.

const root = document.documentElement;
const cookie = root.dataset.themeCookie;
const dark = window.matchMedia("(prefers-color-scheme: dark)");

const current = () => root.dataset.bsTheme || (dark.matches ? "dark" : "light");

function choose(theme) {
  const secure = location.protocol === "https:" ? "; secure" : "";
  if (theme === "light" || theme === "dark") {
    root.dataset.bsTheme = theme;
    document.cookie = `${cookie}=${theme}; path=/; max-age=31536000; samesite=lax${secure}`;
  } else {
    delete root.dataset.bsTheme;
    document.cookie = `${cookie}=; path=/; max-age=0; samesite=lax${secure}`;
  }
  mark();
}

function mark() {
  for (const input of document.querySelectorAll("[data-theme-choice]")) {
    input.checked = input.value === (root.dataset.bsTheme || "system");
  }
}

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-theme-toggle]")) choose(current() === "dark" ? "light" : "dark");
});

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-theme-choice]")) choose(event.target.value);
});

mark();
