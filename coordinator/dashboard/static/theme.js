// Runs before anything is drawn, so that no page flashes in the wrong colours. Without a choice the system decides.
"use strict";
try {
  const chosen = localStorage.getItem("supernet.theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch {
  // A browser that keeps nothing follows the system.
}
