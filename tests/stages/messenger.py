"""A messenger in memory: takes messages and pictures once per key and name, and fails as it is told to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from trialflow.stages.delivery import NoPlaceError, Post, RefusalError, Upload

DEFAULT = "#team"


@dataclass
class FakeMessenger:
    """`trouble` maps a part of a key to the error that posting it raises; `dies_at` kills after posting, once.

    `closed` channels refuse everything, `no_layout` are parts of keys whose blocks are refused; `away` answers nothing.
    """

    trouble: dict[str, Exception] = field(default_factory=dict)
    closed: set[str] = field(default_factory=set)
    no_layout: tuple[str, ...] = ()
    no_files: str = ""
    dies_at: str = ""
    away: bool = False
    posted: dict[str, Post] = field(default_factory=dict)
    ts: dict[str, str] = field(default_factory=dict)
    shown: dict[str, Upload] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def place(self, channel: str) -> str:
        return channel or DEFAULT

    def post(self, post: Post) -> tuple[str, str]:
        self.asked.append(post.key)
        if self.away:
            raise OSError("no route to Slack")
        if post.place in self.closed:
            raise NoPlaceError("is_archived")
        for part, error in self.trouble.items():
            if part in post.key:
                raise error
        if "blocks" in post.payload and any(part in post.key for part in self.no_layout):
            raise RefusalError("invalid_blocks")
        if post.key not in self.posted:
            self.posted[post.key] = post
            self.ts[post.key] = f"{len(self.posted)}.5"
        self._die(post.key)
        return self.ts[post.key], post.thread_ts

    def upload(self, upload: Upload) -> Mapping[str, str]:
        if self.no_files:
            raise RefusalError(self.no_files)
        for picture in upload.pictures:
            self.shown.setdefault(picture.name, upload)
        self._die("charts")
        return {picture.name: f"F-{picture.name}" for picture in upload.pictures}

    def reachable(self) -> bool:
        return not self.away

    def _die(self, key: str) -> None:
        if self.dies_at and self.dies_at in key:
            self.dies_at = ""
            raise KeyboardInterrupt

    def threads(self) -> dict[str, str]:
        """What stands in which thread, by key; "" for what opened one."""
        by_ts = {ts: key for key, ts in self.ts.items()}
        return {key: by_ts.get(post.thread_ts, "") for key, post in self.posted.items()}
