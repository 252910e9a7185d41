/* Runs in the head, before the first paint: the theme that was chosen, else the system's. */
(() => {
  let chosen = null;
  try {
    chosen = localStorage.getItem("tradehub.theme");
  } catch {
    // Storage may be forbidden; the system's theme is used.
  }
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.setAttribute("data-bs-theme", chosen ?? (dark ? "dark" : "light"));
})();
