"""The peers that take part in the row of reloads, and how each is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .contender import Contender
from .peers import FRONTDESK, NGINX, Setting
from .reload import Reloadable

if TYPE_CHECKING:
    from pathlib import Path

    from .work import Work


class ReloadFrontdesk(Reloadable):
    """The supervisor takes SIGHUP."""

    label = "frontdesk"

    def contender(self, work: Work) -> Contender:
        return Contender(self.label, FRONTDESK, work)

    def render(self, setting: Setting) -> tuple[Path, str]:
        return setting.folder / "gateway.yaml", FRONTDESK.render(setting)


class ReloadNginx(Reloadable):
    """The master takes SIGHUP and replaces its worker."""

    label = "nginx"

    def contender(self, work: Work) -> Contender:
        return Contender(self.label, NGINX, work)

    def render(self, setting: Setting) -> tuple[Path, str]:
        return setting.folder / "nginx.conf", NGINX.render(setting)
