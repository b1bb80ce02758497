"""Sessions for the database of a plugNmeet server, of every kind that makes an export go wrong; and what the table must
hold of each after an import."""

import datetime
import random

TITLES = [
    "",
    "NULL",
    "\\N",
    "tab\tnewline\ncarriage return\rboth\r\nend\r",
    "\n",
    "\"double\" 'single' `back` ''twice''",
    "backslash \\ \\n \\t \\\\ at the end \\",
    "😀 Überprüfung — 数学 العربية",
    "zero \0 and control \x01\x1b\x1f\x7f",
    "line separators \u2028\u2029\u0085, and \ufeff",
    " spaces, commas; {\"json\": [1]} ",
    "😀" * 255,
]

ALPHABET = "\t\n\r\0\\\"'`,;NULnrt0 {}[]:%_é数😀"
MADE_UP = 200
SECOND = datetime.timedelta(seconds=1)
EPOCH = datetime.datetime(1970, 1, 1)


def sessions(server_name, server):
    """Sessions as dicts: the columns of room_info, `analytics` and `artifacts`, in the order of their ids."""
    chance = random.Random(server_name)
    titles = TITLES + ["".join(chance.choices(ALPHABET, k=chance.randrange(40))) for _ in range(MADE_UP)]
    plain = [session(number, title) for number, title in enumerate(titles)]
    plain += [
        session(1000, "a zero date", ended=None),
        session(1001, "no creation_time", creation_time=0, created="2023-05-05 05:05:05", ended=None),
        session(1002, "running", is_running=1),
        session(1003, "nobody came", joined_participants=0, webhook_url="https://example.org/?a=1&b='%22"),
        session(1004, "old analytics", analytics=["old-1"]),
        session(1005, "old analytics twice", analytics=["old-2", "old-3"]),
        session(1006, "migrated", analytics=["same"], artifacts=[("MEETING_ANALYTICS", "same")]),
        session(1007, "new", artifacts=[("MEETING_ANALYTICS", "new-1")]),
        session(1008, "several", artifacts=[
            ("MEETING_SUMMARY", "summary"), ("MEETING_ANALYTICS", "new-2"), ("MEETING_ANALYTICS", "new-3"),
            ("SPEECH_TRANSCRIPTION", "speech")]),
        session(1012, "new beside old", analytics=["old-4"], artifacts=[("MEETING_ANALYTICS", "new-5")]),
        session(1009, "no analytics among them", artifacts=[("CHAT_TRANSLATION_USAGE", "usage")]),
        session(1010, "running with analytics", is_running=1, artifacts=[("MEETING_ANALYTICS", "new-4")]),
    ]
    if server.get("null") == "NULL":
        plain.append({**session(1011, None), "ended_null": True, "joined_participants": None, "webhook_url": None})
    return plain


def session(number, title, **more):
    created = 1_700_000_000 + 3607 * number
    return {
        "sid": f"SID_{number:04}", "room_title": title, "joined_participants": number, "is_running": 0,
        "webhook_url": f"https://example.org/{number}", "creation_time": created, "created": "2001-01-01 00:00:00",
        "ended": 1800, "analytics": [], "artifacts": [], **more,
    }


def text(value):
    """A string as SQL in which no character of it can go wrong."""
    return "NULL" if value is None else f"CONVERT(X'{value.encode().hex()}' USING utf8mb4)"


def inserts(room_id, server, rows):
    """The statements that put these rows where the server has them."""
    prefix, zone = server.get("prefix", "pnm_"), datetime.timedelta(hours=server.get("loc_hours", 0))
    tables = "".join(server["tables"])
    yield "SET sql_mode = '', time_zone = '-07:00';"
    for number, row in enumerate(rows, 1):
        ended = "'0000-00-00 00:00:00'"
        if row.get("ended_null"):
            ended = "NULL"
        elif row["ended"] is not None:
            # The server writes it in the zone of its own `loc`.
            ended = f"'{EPOCH + SECOND * (row['creation_time'] + row['ended']) + zone}'"
        participants = "NULL" if row["joined_participants"] is None else row["joined_participants"]
        yield (
            f"INSERT INTO {prefix}room_info VALUES ({number}, {text(row['room_title'])}, {text(room_id)}, "
            f"{text(row['sid'])}, {participants}, {row['is_running']}, {text(row['webhook_url'])}, "
            f"{row['creation_time']}, '{row['created']}', {ended});"
        )
        if "room_analytics" in tables:
            for file_id in row["analytics"]:
                yield (f"INSERT INTO {prefix}room_analytics (room_table_id, room_id, file_id) "
                       f"VALUES ({number}, {text(room_id)}, {text(file_id)});")
        if "room_artifacts" in tables:
            for kind, artifact_id in row["artifacts"]:
                yield (f"INSERT INTO {prefix}room_artifacts (artifact_id, room_table_id, room_id, type) "
                       f"VALUES ({text(artifact_id)}, {number}, {text(room_id)}, {text(kind)});")
    if "room_analytics" in tables:
        yield f"INSERT INTO {prefix}room_analytics (room_id, file_id) VALUES ('deleted', 'of a deleted room');"


def expected(room_id, server, rows):
    """What the table must hold of the rows, as the API names it."""
    tables = "".join(server["tables"])
    zone = datetime.timedelta(hours=server.get("loc_hours", 0))
    for row in rows:
        if row["is_running"]:
            continue
        created = EPOCH + SECOND * row["creation_time"]
        if not row["creation_time"]:
            created = datetime.datetime.fromisoformat(row["created"]) - zone
        ended = row["ended"] is not None and not row.get("ended_null")
        item = {
            "room_id": room_id,
            "room_sid": row["sid"],
            "room_title": row["room_title"] or "",
            "joined_participants": row["joined_participants"] or 0,
            "webhook_url": row["webhook_url"] or "",
            "created": rfc_3339(created),
            "ended": rfc_3339(EPOCH + SECOND * (row["creation_time"] + row["ended"])) if ended else "",
        }
        ids = row["analytics"] if "room_analytics" in tables else []
        if "room_artifacts" in tables:
            ids = ids + [artifact_id for kind, artifact_id in row["artifacts"] if kind == "MEETING_ANALYTICS"]
        if ids:
            item["analytics_file_id"] = ids[-1]
        item["created_sid"] = f"{item['created']}#{item['room_sid']}"
        yield item


def rfc_3339(time):
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z")
