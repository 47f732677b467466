"""One OneScript that plays all scenarios: to start it and to warm it up takes longer than most of them.

It loads the modules anew for each, stubs and all, so that none finds what another left. OneScript loads a
module once only: so here they are fields of one, `Стенд`, and `ФС1С_Номера.…` becomes `Стенд.ФС1С_Номера.…`.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from threading import Timer

HERE = Path(__file__).parent
SLOWEST = 300.0
"""Seconds: a scenario needs one or two, on a machine that does nothing else."""

MODULES = """
Платформа РегистрыСведений Метаданные УровеньЖурналаРегистрации РежимБлокировкиДанных ФС1С_Переопределяемый
ФС1С_Номера ФС1С_Поиск ФС1С_Очередь ФС1С_История ФС1С_Привилегированный ФС1С_Звонок ФС1С_ВызовСервера
ФС1С_КарточкаГлобальный ФС1С_ЗвонокКлиент Команда VATS МодульПриложения Проверки
""".split()
_ONE_OF_THEM = re.compile(
    rf'"[^"]*"|//[^\n]*|(?<![\w.])({"|".join(MODULES)})(?=\.)'
)  # but in a text or comment


class Broken(Exception):
    """A module does not compile, or a scenario ended before its time; says what OneScript says."""


def of_the_stand(source: str) -> str:
    """The same, but that it finds the modules in `Стенд`. Lines stay where they are."""
    return _ONE_OF_THEM.sub(lambda found: f"Стенд.{found[1]}" if found[1] else found[0], source)


class Player:
    """Begins when it is first needed, and again after a scenario that was its end."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def play(self, folder: Path, scenario: str) -> list[str]:
        """What the scenario says, line by line.

        Raises:
            Broken: It did not come to its end.
        """
        process = self._process = self._process or _begin()
        assert process.stdin is not None and process.stdout is not None
        said: list[str] = []
        watch = Timer(SLOWEST, process.kill)
        watch.start()
        try:
            process.stdin.write(f"{folder}\n{scenario}\n")
            process.stdin.flush()
            for line in process.stdout:
                if line.rstrip() == f"конец {folder}":
                    return said
                if line.rstrip() == f"сбой {folder}":
                    raise Broken("\n".join(said))
                said.append(line.rstrip("\r\n"))
        finally:
            watch.cancel()
        self.end()
        raise Broken("\n".join([*said, f"OneScript ended at {scenario}"]))

    def end(self) -> None:
        if self._process is not None:
            self._process.communicate()
            self._process = None


def _begin() -> subprocess.Popen[str]:
    with tempfile.TemporaryDirectory() as folder:
        lib = Path(folder) / "lib"
        shutil.copytree(HERE / "lib" / "Классы", lib / "Классы")
        for path in (lib / "Классы").glob("*.os"):
            path.write_text(of_the_stand(path.read_text("utf-8")), "utf-8")
        (lib / "Стенд.os").write_text(_stand(), "utf-8")
        shutil.copy(HERE / "lib" / "package-loader.os", lib)
        shutil.copy(HERE / "player.os", folder)
        process = subprocess.Popen(
            ["oscript", "-encoding=utf-8", "player.os"],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        )
        assert process.stdout is not None
        ready = process.stdout.readline().strip()
        assert ready == "готов", ready + process.communicate()[0]
    return process


def _stand() -> str:
    fields = [f"Перем {name} Экспорт;" for name in MODULES]
    empties = [f"\t{name} = Неопределено;" for name in MODULES]
    loads = [
        f'\t{name} = ЗагрузитьСценарий(ОбъединитьПути(Папка, "lib", "Модули", "{name}.os"));'
        for name in MODULES
    ]
    return "\n".join([*fields, "Процедура Загрузить(Папка) Экспорт", *empties, *loads, "КонецПроцедуры", ""])


PLAYER = Player()
