"""The export of plugNmeet's database and its import, with the commands of docs/use/import.md, from MariaDB."""

import plugnmeet_database
import pytest
from conftest import shell
from local import ROOT
from snippets import snippets


@pytest.mark.parametrize("name", plugnmeet_database.SERVERS)
def test_export_of_a_server_is_imported(start_local, mariadb, name):
    server, room_id = plugnmeet_database.SERVERS[name], f"export-{name}"
    mariadb.fill(name, room_id)
    script = (ROOT / "docs/export.sql").read_text()
    for line, value in [("SET @prefix = '{}';", ("pnm_", server["prefix"])), ("SET time_zone = '{}';", ("+00:00", f"+0{server['loc_hours']}:00"))]:
        assert script.count(f"\n{line.format(value[0])}\n") == 1, line
        script = script.replace(line.format(value[0]), line.format(value[1]))
    (mariadb.home / "docs/export.sql").write_text(script)
    (export,) = [block for block in snippets("import.md", "sh") if block.startswith("mysql ")]
    rows = plugnmeet_database.expected(name, room_id)
    with start_local("--empty") as run:
        shell(export, run, mariadb.home)
        for counts in [f"{len(rows)} new, 0 changed, 0 unchanged, 0 rejected", f"0 new, 0 changed, {len(rows)} unchanged, 0 rejected"]:
            assert counts in shell("past-rooms-admin import history.jsonl", run, mariadb.home)
        stored = run.rows()
    assert [row["created_sid"] for row in stored] == [row["created_sid"] for row in rows]
    # An import may add attributes, but no analytics.
    for one, right in zip(stored, rows):
        assert {field: one.get(field) for field in [*right, "analytics_file_id"]} == {"analytics_file_id": None, **right}
