"""An implementation in a process of its own: it may be called `torch`, and it may crash.

The process gets programs as bytes and gives back observations; it never imports PyTorch.
"""

from __future__ import annotations

import multiprocessing.connection
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from typing import Any

from conformance.observe import ErrorSeen, Observation, Plan, Timeout, alarm, run
from conformance.portable import pack, unpack
from conformance.program import Program

START = "import sys; from conformance.remote import serve; serve(*sys.argv[1:])"
# seconds beyond a case's own limit before the process is ended
GRACE = 5.0
IMPORT_LIMIT = 120.0


def serve(address: str, key: str, name: str, prepare: str) -> None:
    """The other end: import the implementation, then answer until the pipe closes."""
    from conformance.engine import load

    threading.Thread(target=leave_with, args=(os.getppid(),), daemon=True).start()
    with multiprocessing.connection.Client(address, authkey=bytes.fromhex(key)) as pipe:
        if prepare:
            exec(prepare, {"__name__": "__main__"})
        library = load(name)
        library.warm_up()
        pipe.send(str(getattr(library.module, "__file__", name)))
        while True:
            try:
                question, *details = unpack(pipe.recv_bytes())
            except EOFError:
                return
            if question == "has":
                answer: Any = library.has(details[0])
            else:
                program, case, plan, seconds = details
                try:
                    with alarm(seconds):
                        answer = run(library, program, case, plan)
                except Timeout as error:
                    answer = Observation(error=ErrorSeen("Timeout", str(error), "timeout", "call"))
            try:
                reply = pack(answer)
            except Exception as error:
                reply = pack(
                    Observation(error=ErrorSeen(type(error).__name__, str(error), "error", "observe"))
                )
            pipe.send_bytes(reply)


def leave_with(parent: int) -> None:
    """End this process, whatever it hangs in, once the one that asks is gone."""
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(1)


class Remote:
    """The implementation as the judge sees it: started when first asked, started again after a crash."""

    def __init__(self, name: str, prepare: str = "") -> None:
        self.name = name
        self.prepare = prepare
        self.known: dict[str, bool] = {}
        self.process: subprocess.Popen[bytes] | None = None
        self.pipe: Any = None
        self.file = ""

    def start(self) -> None:
        key = secrets.token_hex(16)
        with multiprocessing.connection.Listener(None, authkey=bytes.fromhex(key)) as listener:
            folders = [os.getcwd(), *([os.environ["PYTHONPATH"]] if "PYTHONPATH" in os.environ else [])]
            environment = dict(os.environ, PYTHONPATH=os.pathsep.join(folders))
            command = [sys.executable, "-c", START, str(listener.address), key, self.name, self.prepare]
            self.process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
            self.pipe = listener.accept()
        if not self.pipe.poll(IMPORT_LIMIT):
            self.close()
            raise ImportError(f"{self.name} took longer than {IMPORT_LIMIT:g} s to import")
        try:
            self.file = self.pipe.recv()
        except EOFError:
            self.close()
            raise ImportError(f"{self.name} cannot be imported in a process of its own") from None

    def close(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        if self.pipe is not None:
            self.pipe.close()
        self.process = self.pipe = None

    def ask(self, seconds: float, *question: Any) -> Any:
        """The answer; Timeout or ConnectionError when the process hangs or dies over it."""
        if self.process is None:
            self.start()
        try:
            self.pipe.send_bytes(pack(question))
            if not self.pipe.poll(seconds):
                self.close()
                raise Timeout(f"no result after {seconds:g} s, process ended")
            return unpack(self.pipe.recv_bytes())
        except (EOFError, ConnectionError):
            assert self.process is not None
            code = self.process.wait()
            self.close()
            raise ConnectionError(ended(code)) from None

    def has(self, path: str) -> bool:
        if path not in self.known:
            self.known[path] = bool(self.ask(IMPORT_LIMIT, "has", path))
        return self.known[path]

    def observe(self, program: Program, name: str, plan: Plan, seconds: float) -> Observation:
        limit = seconds + GRACE if seconds > 0 else IMPORT_LIMIT
        try:
            seen = self.ask(limit, "run", program, name, plan, seconds)
        except Timeout as error:
            return Observation(error=ErrorSeen("Timeout", str(error), "timeout", "call"))
        except ConnectionError as error:
            return Observation(error=ErrorSeen("Crash", str(error), "crash", "call"))
        assert isinstance(seen, Observation)
        return seen


def ended(code: int | None) -> str:
    """How a process ended, in words."""
    if code is not None and code < 0:
        try:
            return f"the process ended by {signal.Signals(-code).name}"
        except ValueError:
            return f"the process ended by signal {-code}"
    return f"the process ended with status {code}"
