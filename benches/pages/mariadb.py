"""Compares pages of all rooms with plugnmeet-server's two statements on MariaDB, in one run.

Runs `cargo bench --bench pages -- all-rooms`, then fills a MariaDB with as many sessions (its server runs in a folder
of its own, on a socket only) and times what plugnmeet-server asks of it for a page: the count, and the rows.
MariaDB is that of the package mariadb-server.

usage: python3 benches/pages/mariadb.py
"""

import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROWS = 1_000_000
TIMES = 9
# The table of plugnmeet-server 2.4, with the columns and the indexes that matter for these statements.
TABLE = """
CREATE DATABASE plugnmeet; USE plugnmeet;
CREATE TABLE pnm_room_info (
  id int(11) NOT NULL AUTO_INCREMENT PRIMARY KEY,
  room_title varchar(255) NOT NULL,
  roomId varchar(64) NOT NULL,
  sid varchar(64) NOT NULL,
  joined_participants int(10) NOT NULL DEFAULT 0,
  is_running int(1) NOT NULL DEFAULT 0,
  webhook_url varchar(255) NOT NULL DEFAULT '',
  creation_time int(10) NOT NULL DEFAULT 0,
  created datetime NOT NULL DEFAULT current_timestamp(),
  ended datetime NOT NULL DEFAULT '0000-00-00 00:00:00',
  UNIQUE KEY sid (sid), KEY roomId (roomId)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
INSERT INTO pnm_room_info (room_title, roomId, sid, joined_participants, webhook_url, creation_time, created, ended)
SELECT 'Weekly project sync: planning, open points and demos', CONCAT('room-', LPAD(seq MOD 1000, 3, '0')),
  CONCAT('SID_', LPAD(seq, 12, '0')), seq MOD 40, 'https://lms.example.org/plugnmeet/webhook?room=1',
  1464739200 + seq * 8, FROM_UNIXTIME(1464739200 + seq * 8), FROM_UNIXTIME(1464739800 + seq * 8)
FROM seq_1_to_%d;
ANALYZE TABLE pnm_room_info;
"""
STATEMENTS = (
    "SELECT count(*) FROM pnm_room_info; SELECT * FROM pnm_room_info ORDER BY id DESC LIMIT 20 OFFSET {}; SELECT 'end';\n"
)


def server(folder):
    """Starts MariaDB in a folder, and returns its process when it answers."""
    options = ["--no-defaults", f"--datadir={folder}/data", "--user=root"]
    subprocess.run(
        ["mariadb-install-db", *options, "--auth-root-authentication-method=normal", "--skip-test-db"],
        check=True, stdout=subprocess.DEVNULL,
    )
    options += [f"--socket={folder}/socket", f"--pid-file={folder}/pid", "--skip-networking"]
    # As much memory as the rows have, which are then read from memory.
    process = subprocess.Popen(["mariadbd", *options, "--innodb-buffer-pool-size=1G"], stderr=subprocess.DEVNULL)
    while subprocess.run([*client(folder), "-e", "SELECT 1"], capture_output=True).returncode:
        if process.poll() is not None:
            sys.exit("MariaDB has ended")
        time.sleep(0.1)
    return process


def client(folder):
    return ["mariadb", "--no-defaults", "--user=root", f"--socket={folder}/socket"]


def milliseconds(session, offset):
    """The median time of both statements."""
    times = []
    for _ in range(TIMES):
        begun = time.monotonic()
        session.stdin.write(STATEMENTS.format(offset))
        session.stdin.flush()
        while session.stdout.readline() != "end\n":
            pass
        times.append((time.monotonic() - begun) * 1000)
    return statistics.median(times)


def main():
    subprocess.run(["cargo", "bench", "--bench", "pages", "--", "all-rooms"])
    metadata = subprocess.run(
        ["cargo", "metadata", "--no-deps", "--format-version", "1"], check=True, capture_output=True
    )
    target = pathlib.Path(json.loads(metadata.stdout)["target_directory"])
    pages = json.loads((target / "pages.json").read_text())[0]
    goals = {0: 10, 999_000: 30}
    reached = True
    with tempfile.TemporaryDirectory() as folder:
        process = server(folder)
        try:
            subprocess.run(client(folder), input=TABLE % ROWS, text=True, check=True, stdout=subprocess.DEVNULL)
            command = [*client(folder), "--batch", "--skip-column-names", "--unbuffered", "plugnmeet"]
            with subprocess.Popen(command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as session:
                print(f"\n| from | MariaDB, ms | {pages['history']}, ms | times as fast | goal |")
                print("| ---: | ---: | ---: | ---: | --- |")
                for offset, ours in pages["milliseconds"]:
                    theirs = milliseconds(session, offset)
                    goal = goals.get(offset)
                    reached &= goal is None or theirs / ours >= goal
                    print(f"| {offset} | {theirs:.1f} | {ours:.2f} | {theirs / ours:.1f} | {goal or '-'} |")
                session.stdin.close()
        finally:
            process.terminate()
            process.wait()
    sys.exit(0 if reached else 1)


main()
