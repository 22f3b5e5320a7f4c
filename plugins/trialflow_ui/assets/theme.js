// Before anything is drawn: take Airflow's theme where the page stands inside its frame, else the system's.
(() => {
  const root = document.documentElement;
  const outer = () => {
    try { return parent === window ? null : parent.document.documentElement; } catch { return null; }
  };
  const dark = () => {
    const host = outer();
    if (host && (host.classList.contains("dark") || host.classList.contains("light"))) return host.classList.contains("dark");
    return matchMedia("(prefers-color-scheme: dark)").matches;
  };
  const set = () => {
    const theme = dark() ? "dark" : "light";
    if (root.dataset.theme === theme) return;
    root.dataset.theme = theme;
    dispatchEvent(new CustomEvent("theme"));
  };
  set();
  const host = outer();
  if (host) new MutationObserver(set).observe(host, { attributes: true, attributeFilter: ["class"] });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", set);
})();
