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
  const checked = text.value;
  button.hidden = false;

  // What is registered is the text that was checked, so a changed word has to be checked as well.
  const words = [...form.querySelectorAll("[name^=word_]")];
  form.addEventListener("input", () => {
    button.disabled = text.value !== checked || words.some((one) => one.value !== one.defaultValue);
    stale.hidden = !button.disabled;
  });

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

  button.addEventListener("click", async () => {
    button.disabled = true;
    const reason = form.elements.reason.value.trim();
    const conf = { yaml: text.value, ...(reason && { reason }) };
    try {
      const answer = await fetch("/api/v2/dags/preregistration/dagRuns", {
        method: "POST",
        credentials: "same-origin",
        headers: { "Content-Type": "application/json", Accept: "application/json" },
        body: JSON.stringify({ logical_date: null, conf }),
      });
      if (!answer.ok) throw new Error(FAILED[answer.status] || `Airflow answered ${answer.status}: ${await detail(answer)}`);
      const run = encodeURIComponent((await answer.json()).dag_run_id);
      const link = into(`/dags/preregistration/runs/${run}`, "See the run");
      tell("", "The registration was started. The run says when the promise is on record; its “Trigger again with this config” opens Airflow's own form filled in.", link);
    } catch (problem) {
      tell("bad", problem.message, into("/dags/preregistration", "Open the DAG"));
      button.disabled = false;
    }
  });
})();
