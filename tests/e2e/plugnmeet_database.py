"""Databases of plugNmeet servers: their tables as each version creates them, sessions that an export could get wrong, and
the rows that an import must make of them."""

import datetime
import random

ROOM_INFO = """
CREATE TABLE {prefix}room_info (
  id int(11) NOT NULL AUTO_INCREMENT PRIMARY KEY,
  room_title varchar(255) {null} DEFAULT '',
  roomId varchar(64) NOT NULL,
  sid varchar(64) NOT NULL UNIQUE,
  joined_participants int(10) {null} DEFAULT 0,
  is_running int(1) NOT NULL DEFAULT 0,
  webhook_url varchar(255) {null} DEFAULT '',
  creation_time int(10) NOT NULL DEFAULT 0,
  created datetime NOT NULL DEFAULT current_timestamp(),
  ended datetime {null} DEFAULT '0000-00-00 00:00:00',
  KEY idx_room_id (roomId, is_running)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
"""
# Until 1.8 a deleted room left its row here, with NULL.
ROOM_ANALYTICS = """
CREATE TABLE {prefix}room_analytics (
  id int(11) NOT NULL AUTO_INCREMENT PRIMARY KEY,
  room_table_id int(11) NULL,
  room_id varchar(64) NOT NULL,
  file_id varchar(255) NOT NULL,
  file_name varchar(255) NOT NULL DEFAULT '',
  FOREIGN KEY (room_table_id) REFERENCES {prefix}room_info (id) ON DELETE RESTRICT ON UPDATE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
"""
ROOM_ARTIFACTS = """
CREATE TABLE {prefix}room_artifacts (
  id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
  artifact_id varchar(64) NOT NULL UNIQUE,
  room_table_id int(11) NOT NULL,
  room_id varchar(255) NOT NULL,
  type varchar(100) NOT NULL,
  metadata json DEFAULT NULL,
  created datetime NOT NULL DEFAULT current_timestamp(),
  FOREIGN KEY (room_table_id) REFERENCES {prefix}room_info (id) ON DELETE RESTRICT ON UPDATE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE={collation};
"""
DEFAULTS = {"prefix": "pnm_", "null": "NOT NULL", "collation": "utf8mb4_unicode_ci", "loc_hours": 0}
SERVERS = {
    "1.0": {"tables": [ROOM_INFO], **DEFAULTS},
    "1.9": {"tables": [ROOM_INFO, ROOM_ANALYTICS], **DEFAULTS},
    "2.4": {"tables": [ROOM_INFO, ROOM_ANALYTICS, ROOM_ARTIFACTS], **DEFAULTS},
    # The server's ORM created these in a database with other defaults, prefix and `loc`.
    "2.4-orm": {"tables": [ROOM_INFO, ROOM_ANALYTICS, ROOM_ARTIFACTS], "prefix": "my_", "null": "NULL",
                "collation": "utf8mb4_general_ci", "loc_hours": 2},
}
TITLES = [
    "", "NULL", "\\N", "tab\tnewline\ncarriage return\rboth\r\nend\r", "\n", "\"double\" 'single' `back` ''twice''",
    "backslash \\ \\n \\t \\\\ at the end \\", "😀 Überprüfung — 数学 العربية", "zero \0 and control \x01\x1b\x1f\x7f",
    "line separators \u2028\u2029\u0085, and \ufeff", " spaces, commas; {\"json\": [1]} ", "😀" * 255,
]
ALPHABET = "\t\n\r\0\\\"'`,;NULnrt0 {}[]:%_é数😀"
SECOND, EPOCH = datetime.timedelta(seconds=1), datetime.datetime(1970, 1, 1)
ANALYTICS = "MEETING_ANALYTICS"


def session(number, title, **more):
    return {
        "sid": f"SID_{number:04}", "room_title": title, "joined_participants": number, "is_running": 0,
        "webhook_url": f"https://example.org/{number}", "creation_time": 1_700_000_000 + 3607 * number,
        "created": "2001-01-01 00:00:00", "ended": 1800, "analytics": [], "artifacts": [], **more,
    }


def sessions(name):
    """Returns a server's sessions: the columns of room_info, `analytics` and `artifacts`, in the order of their ids."""
    chance = random.Random(name)
    titles = TITLES + ["".join(chance.choices(ALPHABET, k=chance.randrange(40))) for _ in range(200)]
    made = [session(number, title) for number, title in enumerate(titles)] + [
        session(1000, "a zero date", ended=None),
        session(1001, "no creation_time", creation_time=0, created="2023-05-05 05:05:05", ended=None),
        session(1002, "running", is_running=1),
        session(1003, "empty", joined_participants=0, webhook_url="https://example.org/?a=1&b='%22"),
        session(1004, "old analytics", analytics=["old-1"]),
        session(1005, "old analytics twice", analytics=["old-2", "old-3"]),
        session(1006, "migrated", analytics=["same"], artifacts=[(ANALYTICS, "same")]),
        session(1007, "new", artifacts=[(ANALYTICS, "new-1")]),
        session(1008, "several", artifacts=[("MEETING_SUMMARY", "summary"), (ANALYTICS, "new-2"), (ANALYTICS, "new-3"),
                                            ("SPEECH_TRANSCRIPTION", "speech")]),
        session(1012, "new beside old", analytics=["old-4"], artifacts=[(ANALYTICS, "new-5")]),
        session(1009, "other artifacts", artifacts=[("CHAT_TRANSLATION_USAGE", "usage")]),
        session(1010, "running with analytics", is_running=1, artifacts=[(ANALYTICS, "new-4")]),
    ]
    if SERVERS[name]["null"] == "NULL":
        made.append(session(1011, None, ended="NULL", joined_participants=None, webhook_url=None))
    return made


def sql(name, room_id):
    """Returns the statements that create a server's tables and fill them."""
    server, rows = SERVERS[name], sessions(name)
    zone, prefix = datetime.timedelta(hours=server["loc_hours"]), server["prefix"]

    def text(value):
        return "NULL" if value is None else f"CONVERT(X'{value.encode().hex()}' USING utf8mb4)"

    statements = [table.format(**server) for table in server["tables"]] + ["SET sql_mode = '', time_zone = '-07:00';"]
    for number, row in enumerate(rows, 1):
        ended = "NULL" if row["ended"] == "NULL" else "'0000-00-00 00:00:00'"
        if isinstance(row["ended"], int):
            # The server writes it in the zone of its own `loc`.
            ended = f"'{EPOCH + SECOND * (row['creation_time'] + row['ended']) + zone}'"
        participants = "NULL" if row["joined_participants"] is None else row["joined_participants"]
        values = [number, text(row["room_title"]), text(room_id), text(row["sid"]), participants, row["is_running"],
                  text(row["webhook_url"]), row["creation_time"], f"'{row['created']}'", ended]
        statements.append(f"INSERT INTO {prefix}room_info VALUES ({', '.join(map(str, values))});")
        for file_id in row["analytics"] if ROOM_ANALYTICS in server["tables"] else []:
            statements.append(f"INSERT INTO {prefix}room_analytics (room_table_id, room_id, file_id) VALUES ({number}, {text(room_id)}, {text(file_id)});")
        for kind, artifact_id in row["artifacts"] if ROOM_ARTIFACTS in server["tables"] else []:
            statements.append(f"INSERT INTO {prefix}room_artifacts (artifact_id, room_table_id, room_id, type) VALUES ({text(artifact_id)}, {number}, {text(room_id)}, {text(kind)});")
    if ROOM_ANALYTICS in server["tables"]:
        statements.append(f"INSERT INTO {prefix}room_analytics (room_id, file_id) VALUES ('deleted', 'of a deleted room');")
    return "\n".join(statements)


def expected(name, room_id):
    """Returns the rows that the table must have after the import, sorted."""
    server, rows = SERVERS[name], []
    for row in sessions(name):
        if row["is_running"]:
            continue
        created = EPOCH + SECOND * row["creation_time"]
        if not row["creation_time"]:
            created = datetime.datetime.fromisoformat(row["created"]) - datetime.timedelta(hours=server["loc_hours"])
        ids = row["analytics"] if ROOM_ANALYTICS in server["tables"] else []
        ids = ids + [it for kind, it in row["artifacts"] if kind == ANALYTICS and ROOM_ARTIFACTS in server["tables"]]
        times = {"created": rfc_3339(created), "ended": rfc_3339(created + SECOND * row["ended"]) if isinstance(row["ended"], int) else ""}
        rows.append({
            "room_id": room_id, "room_sid": row["sid"], "created_sid": f"{times['created']}#{row['sid']}", **times,
            "room_title": row["room_title"] or "", "webhook_url": row["webhook_url"] or "",
            "joined_participants": row["joined_participants"] or 0, **({"analytics_file_id": ids[-1]} if ids else {}),
        })
    return sorted(rows, key=lambda row: row["created_sid"])


def rfc_3339(time):
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z")
