// Register: the checked promise goes from the browser to Airflow's own API, as the user who is logged in.
(() => {
  const form = document.querySelector("form.promise");
  const told = document.querySelector(".checked");
  if (told) told.focus();
  const button = form?.querySelector("[data-register]");
  if (!button) return;
  const text = form.elements.yaml;
  const outcome = form.querySelector("[data-outcome]");
  const stale = form.querySelector("[data-stale]");
  let sent = false;
  button.hidden = false;

  // What is registered is the text that was checked, so a changed word has to be checked as well. A browser may have
  // restored an edited form, so what was checked is what the page came with; Check strips words, and so does this.
  const words = [...form.querySelectorAll("[name^=word_]")];
  const refresh = () => {
    const changed = text.value !== text.defaultValue || words.some((one) => one.value.trim() !== one.defaultValue.trim());
    button.disabled = sent || changed;
    stale.hidden = !changed;
  };
  form.addEventListener("input", refresh);
  addEventListener("pageshow", refresh);
  refresh();

  const tell = (kind, words, link) => {
    outcome.className = `note ${kind}`;
    outcome.textContent = words;
    if (link) outcome.append(" ", link);
    outcome.hidden = false;
    outcome.focus();
  };
  const into = (href, words) => {
    const link = document.createElement("a");
    link.href = href;
    link.dataset.airflow = "";
    link.textContent = words;
    return link;
  };
  // True of registration itself: the promise in force, offered again, records nothing.
  const AGAIN = "then register again: if the promise got there all the same, nothing is recorded twice.";
  const UNREACHED = `Airflow could not be reached. See that it runs and that you are connected, ${AGAIN}`;
  const FAILED = {
    401: "You are logged out. Log in to Airflow, then register again.",
    403: "Airflow says that you may not start runs of preregistration.",
    404: "Airflow does not know the DAG preregistration yet. Wait until it has read the DAGs, then register again.",
  };
  const detail = async (answer) => {
    try {
      const said = (await answer.json()).detail;
      return typeof said === "string" ? said : JSON.stringify(said);
    } catch {
      return answer.statusText;
    }
  };

  const start = async (conf) => {
    const answer = await fetch("/api/v2/dags/preregistration/dagRuns", {
      method: "POST",
      credentials: "same-origin",
      headers: { "Content-Type": "application/json", Accept: "application/json" },
      body: JSON.stringify({ logical_date: null, conf }),
    }).catch(() => { throw new Error(UNREACHED); });
    if (answer.ok) {
      // An answer that breaks off from here on was a yes; only the run's name is lost.
      return (await answer.json().catch(() => ({}))).dag_run_id;
    }
    const said = `Airflow answered ${answer.status}: ${await detail(answer)}`;
    throw new Error(FAILED[answer.status] || (answer.status < 500 ? said : `${said.replace(/\.$/, "")}. Wait a moment, ${AGAIN}`));
  };

  button.addEventListener("click", async () => {
    refresh();
    if (button.disabled) return;
    sent = true;
    refresh();
    const reason = form.elements.reason.value.trim();
    try {
      const run = await start({ yaml: text.value, ...(reason && { reason }) });
      const link = run
        ? into(`/dags/preregistration/runs/${encodeURIComponent(run)}`, "See the run")
        : into("/dags/preregistration", "Open the DAG");
      tell("", "The registration was started. The run says when the promise is on record; its “Trigger again with this config” opens Airflow's own form filled in.", link);
    } catch (problem) {
      sent = false;
      tell("bad", problem.message, into("/dags/preregistration", "Open the DAG"));
    }
    refresh();
  });
})();
