"""The tests' private PostgreSQL, made durable: theirs acknowledges before the disk has it."""

import signal
import subprocess

import psycopg

from benchmarks.processes import die_with_parent
from tests.servers import Postgres, wait_for


class DurablePostgres(Postgres):
    def start(self) -> str:
        """Its own start makes the cluster; then the same again with PostgreSQL's own defaults."""
        address = super().start()
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)  # fast shutdown
        self.process.wait(15)
        port = address.rpartition(":")[2].partition("/")[0]
        options = {
            "listen_addresses": "127.0.0.1",
            "port": port,
            "unix_socket_directories": str(self.folder),
        }
        switches = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [str(self.binaries / "postgres"), "-D", str(self.data), *switches],
                user=self.user,
                cwd=self.folder,
                stdout=subprocess.DEVNULL,
                stderr=log,
                env={"LC_ALL": "C", "TZ": "UTC"},
                preexec_fn=lambda: die_with_parent(signal.SIGINT),
            )
        wait_for(lambda: psycopg.connect(address).close(), psycopg.OperationalError, "PostgreSQL")
        return address
