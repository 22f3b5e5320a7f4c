"""Which code made a memo."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from trialflow.memo import code as naming


def test_the_code_is_named_alike_by_every_process() -> None:
    program = "from trialflow.memo.code import code; print(code())"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == naming.code()
    assert re.fullmatch(r"trialflow \d+\.\d+\.\d+ \([0-9a-f]{12}\)", naming.code())


def test_one_changed_file_is_another_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "checks").mkdir()
    module = tmp_path / "checks" / "srm.py"
    module.write_text("ALARM = 0.001\n")
    monkeypatch.setattr(naming, "LIBRARY", tmp_path)
    first = naming.code_fingerprint.__wrapped__()
    assert naming.code_fingerprint.__wrapped__() == first
    module.write_text("ALARM = 0.002\n")
    second = naming.code_fingerprint.__wrapped__()
    module.rename(tmp_path / "checks" / "split.py")
    assert len({first, second, naming.code_fingerprint.__wrapped__()}) == 3
