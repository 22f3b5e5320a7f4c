"""The command `trialflow`: everything that is done without Airflow, and Airflow on this machine."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from trialflow import __version__
from trialflow.errors import PromiseError, TrialflowError

if TYPE_CHECKING:
    from trialflow.local.standalone import Standalone
    from trialflow.registry import StoredMemo
    from trialflow.spec.promise import Promise
    from trialflow.stages.workspace import Workspace

# Each command imports what it needs: `trialflow validate` in a pull request pays neither for Airflow nor for numpy.

REFUSED = 1
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is 0 only if it did what was asked."""
    chosen = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = chosen.command
    try:
        return command(chosen)
    except TrialflowError as refused:
        print(refused, file=sys.stderr)
        return REFUSED
    except KeyboardInterrupt:
        return INTERRUPTED


def validate(chosen: argparse.Namespace) -> int:
    """Check one or more experiment files as registration would, as far as that needs no data."""
    worst = 0
    for path in chosen.file:
        try:
            promise = _admitted(path, chosen.today)
        except PromiseError as refused:
            print(refused, file=sys.stderr)
            worst = REFUSED
            continue
        except OSError as problem:
            print(f"{path} cannot be read: {problem.strerror}", file=sys.stderr)
            worst = REFUSED
            continue
        print(f"{path}: {promise.slug} is fit for registration")
        if chosen.sql:
            from trialflow.warehouse.sql_text import sql_of

            print(sql_of(promise, promise.experiment.calendar.final_day(), chosen.dialect))
    return worst


def _admitted(path: Path, today: date) -> Promise:
    from trialflow.spec import Catalog, admit

    text = path.read_text(encoding="utf-8")
    # Definitions lie beside the folder that holds the file, unless it lies elsewhere.
    beside = path.resolve().parent.parent
    root = beside if (beside / "metrics").is_dir() else _workspace().include
    return admit(text, path.name, catalog=Catalog.load(root), today=today, slug=path.stem)


def migrate(_chosen: argparse.Namespace) -> int:
    """Bring the registry's schema to this version; refuses a newer one."""
    from sqlalchemy.engine import make_url

    place = _workspace()
    with place.registry():
        pass
    shown = make_url(place.registry_url).render_as_string(hide_password=True)
    print(f"The registry {shown} has the schema of trialflow {__version__}.")
    return 0


def memo(chosen: argparse.Namespace) -> int:
    """Print a memo, made again from the record; refuses one that does not come out as it was recorded."""
    from trialflow.stages.verify import Outcome, memo_proof

    place = _workspace()
    with place.registry() as registry:
        registry.promise(chosen.slug)
        found = registry.memos(chosen.slug, as_of=chosen.as_of, kind=chosen.kind)
        if not found:
            when = f" as of {chosen.as_of}" if chosen.as_of else ""
            print(f"No memo about {chosen.slug}{when} is on record.", file=sys.stderr)
            return REFUSED
        # Decisions are what is asked for; without one, whatever was told last.
        wanted = found if chosen.write else [max(found, key=lambda one: (one.kind == "decision", one.as_of))]
        proofs = [memo_proof(registry, one) for one in wanted]
    for proof in proofs:
        if proof.outcome is not Outcome.HOLDS:
            print(proof, file=sys.stderr)
    if any(proof.outcome is Outcome.BROKEN for proof in proofs):
        print(f"`trialflow verify {chosen.slug}` tells what else does not fit.", file=sys.stderr)
        return REFUSED
    if chosen.write:
        for stored in wanted:
            for path in _write(place, stored):
                print(path)
    else:
        print(wanted[0].documents[chosen.format])
    return 0


def decide(chosen: argparse.Namespace) -> int:
    """Show how a verdict comes about: the rules row by row, with the findings they rest on. Records nothing."""
    from trialflow.stages.deciding import told_decision

    with _workspace().registry() as registry:
        for line in told_decision(registry, chosen.slug, chosen.as_of, chosen.what_if):
            print(line)
    return 0


def verify(chosen: argparse.Namespace) -> int:
    """Prove the record: fingerprints fit, and every memo comes out the same when it is made again."""
    from trialflow.stages.verify import Outcome, report
    from trialflow.stages.verify import verify as prove

    with _workspace().registry() as registry:
        proofs = prove(registry, chosen.slug)
    print(report(proofs))
    return REFUSED if any(proof.outcome is Outcome.BROKEN for proof in proofs) else 0


def results(chosen: argparse.Namespace) -> int:
    """Print the record as a table (CSV), or write it to a Parquet or CSV file."""
    from trialflow.stages.frames import FRAMES

    with _workspace().registry() as registry:
        slugs = chosen.slug or registry.slugs()
        for slug in slugs:
            registry.promise(slug)
        frame = FRAMES[chosen.what](registry, slugs, chosen.as_of)
    if chosen.output is None:
        print(frame.to_csv(index=False), end="")
    elif chosen.output.suffix == ".parquet":
        frame.to_parquet(chosen.output, index=False)
    else:
        frame.to_csv(chosen.output, index=False)
    return 0


def _write(place: Workspace, stored: StoredMemo) -> list[Path]:
    from trialflow.stages.telling import EXTENSIONS

    folder = place.memo_root / stored.slug
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, text in stored.documents.items():
        if name not in EXTENSIONS:
            continue
        path = folder / f"{stored.as_of}-{stored.kind}.{EXTENSIONS[name]}"
        path.write_text(text, encoding="utf-8")
        written.append(path)
    return written


def retest(chosen: argparse.Namespace) -> int:
    """Print the skeleton of a new promise for a shipped winner that serves another model version."""
    from trialflow.stages.retest import skeleton_of

    with _workspace().registry() as registry:
        print(skeleton_of(registry, chosen.slug, chosen.model_version, chosen.as_of), end="")
    return 0


def schema(_chosen: argparse.Namespace) -> int:
    """Write the JSON Schemas of the files people write."""
    from trialflow.spec.schema import write_schemas

    for path in write_schemas(_workspace().include):
        print(path)
    return 0


def demo(chosen: argparse.Namespace) -> int:
    """Replay the sample experiments on a real Airflow, then stay up unless told otherwise."""
    from trialflow.local.answers import WAITS_FOR_YOU
    from trialflow.local.demo import Demo, login
    from trialflow.local.environment import PREFERRED_PORT, site
    from trialflow.local.runs import Runs
    from trialflow.local.standalone import Standalone

    _end_on_signals()
    place = _workspace()
    with place.registry():
        pass  # migrations run before anything else, and refuse a newer schema
    airflow = Standalone(site(place), paused=True)
    _say_port(airflow.place.port, PREFERRED_PORT)
    print(login(airflow), flush=True)
    with airflow:
        # Who stays has a verdict to sign; a demo that ends signs all of them.
        complete = Demo(place, airflow, Runs(airflow.rest), leaving=() if chosen.once else (WAITS_FOR_YOU,)).run()
        print(login(airflow), flush=True)
        if not chosen.once:
            print("Airflow stays up; Ctrl-C stops it.", flush=True)
            _stay(airflow)
    return 0 if complete else REFUSED


def up(_chosen: argparse.Namespace) -> int:
    """Run Airflow for daily use until Ctrl-C."""
    from trialflow.local.demo import login
    from trialflow.local.environment import PREFERRED_PORT, site
    from trialflow.local.runs import Runs
    from trialflow.local.standalone import Standalone

    _end_on_signals()
    place = _workspace()
    with place.registry():
        pass
    _load_samples(place)
    airflow = Standalone(site(place))
    _say_port(airflow.place.port, PREFERRED_PORT)
    print(f"Starting Airflow; its output goes to {airflow.place.log}", flush=True)
    with airflow:
        airflow.wait_until_healthy()
        Runs(airflow.rest).make_pool()
        print(f"{login(airflow)}\nCtrl-C stops it.", flush=True)
        _stay(airflow)
    return 0


def down(_chosen: argparse.Namespace) -> int:
    """Stop the Airflow of this checkout."""
    from trialflow.local.standalone import stop_running

    stop_running(_workspace().home / "airflow" / "running.json")
    return 0


def samples(_chosen: argparse.Namespace) -> int:
    """Load the data of the sample experiments into the lake; what lies there in its present form is left alone."""
    _load_samples(_workspace())
    return 0


def _load_samples(place: Workspace) -> None:
    """Without its data a sample experiment is refused at registration, or cannot be validated, every quarter of an hour."""
    from trialflow.stages.samples import load_samples

    print("Loading the sample experiments' data, some seconds the first time.", flush=True)
    written = load_samples(place)
    print(f"Loaded: {', '.join(written)}." if written else "It lies in the lake already.", flush=True)


def _say_port(port: int, preferred: int) -> None:
    if port != preferred:
        print(f"Port {preferred} is taken or was not wanted: Airflow listens on {port}.", flush=True)


def _stay(airflow: Standalone) -> None:
    """Until Ctrl-C, or until somebody ends Airflow."""
    import time

    try:
        while airflow.alive:
            time.sleep(0.5)
    except KeyboardInterrupt:
        return
    print("Airflow was ended from elsewhere.", flush=True)


def _end_on_signals() -> None:
    """SIGTERM and SIGHUP end the command as Ctrl-C does. A second signal does not cut the ending short."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)


def _workspace() -> Workspace:
    from trialflow.stages.workspace import Workspace

    return Workspace.from_environment()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="trialflow", description="The life of an online experiment on an ML model.")
    parser.add_argument("--version", action="version", version=f"trialflow {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, command: Callable[[argparse.Namespace], int]) -> argparse.ArgumentParser:
        text = (command.__doc__ or "").splitlines()[0]
        found: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text)
        found.set_defaults(command=command)
        return found

    validating = add("validate", validate)
    validating.add_argument("file", type=Path, nargs="+", help="experiments/<slug>.yaml")
    validating.add_argument("--sql", action="store_true", help="show the queries a day's run would make")
    validating.add_argument(
        "--dialect", choices=("duckdb", "postgresql"), default="duckdb", help="of the shown queries"
    )
    validating.add_argument(
        "--today", type=_day, default=datetime.now(UTC).date(), help="the day of registration (default: today, UTC)"
    )
    recording = add("registry", migrate).add_subparsers(required=True, metavar="ACTION")
    migrating = recording.add_parser("migrate", help="bring the schema to this version")
    migrating.set_defaults(command=migrate)
    telling = add("memo", memo)
    telling.add_argument("slug")
    telling.add_argument("--as-of", type=_day, help="the day of the memo (default: the last)")
    telling.add_argument("--kind", help="registration, decision, holdout (default: the decision's)")
    telling.add_argument("--format", choices=("markdown", "html", "slack"), default="markdown")
    telling.add_argument("--write", action="store_true", help="write all of them to the folder of memos instead")
    deciding = add("decide", decide)
    deciding.add_argument("slug")
    deciding.add_argument("--as-of", type=_day, help="the day judged (default: the last verdict's, else the last day)")
    deciding.add_argument(
        "--what-if",
        action="append",
        default=[],
        metavar="QUESTION=yes|no",
        help="suppose another answer, as in benefit_shown=yes (may be given again)",
    )
    add("verify", verify).add_argument("slug", nargs="*", help="default: every experiment on record")
    telling = add("results", results)
    telling.add_argument("slug", nargs="*", help="default: every experiment on record")
    telling.add_argument("--what", choices=("comparisons", "looks", "findings", "decisions"), default="decisions")
    telling.add_argument("--as-of", type=_day, help="one day only")
    telling.add_argument("--output", type=Path, help="a .csv or .parquet file (default: CSV to the terminal)")
    testing = add("retest", retest)
    testing.add_argument("slug")
    testing.add_argument("--model-version", required=True, help="the version that the winner serves now")
    testing.add_argument(
        "--as-of",
        type=_day,
        default=datetime.now(UTC).date(),
        help="the new test begins on the Monday after (default: today)",
    )
    add("schema", schema)
    add("samples", samples)
    add("demo", demo).add_argument("--once", action="store_true", help="stop Airflow and exit when all is done")
    add("up", up)
    add("down", down)
    return parser


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        message = f"{text!r} is not a day: write YYYY-MM-DD"
        raise argparse.ArgumentTypeError(message) from None


if __name__ == "__main__":
    sys.exit(main())
