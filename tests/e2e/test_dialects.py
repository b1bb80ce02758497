"""Pages in both dialects against a model that sorts and cuts a scan of the table. Answers in the dialect `plugnmeet` are
read by protobuf's strict rules. tests/it/contract.rs and dialect.rs have the errors."""

import json
import random

import plugnmeet_schema as schema
import pytest
from google.protobuf import json_format

# Rows of other writers: an unknown end, a count beyond 53 bits, fractions of seconds, no title.
ODD_ROWS = [
    {"created": "2026-01-01T10:00:00.999Z", "joined_participants": 2**53 + 1, "ended": "2026-01-01T11:00:00.999Z"},
    {"created": "2026-01-01T12:00:00.000Z", "room_title": 'Ünfinished "<&>"'},
    {"created": "2026-01-01T12:00:00.001Z", "ended": "", "analytics_file_id": "a file"},
]
ZERO_TIME = "0001-01-01T00:00:00Z"
TEXTS = ("room_title", "room_id", "room_sid", "webhook_url")


def requests(rows):
    chance = random.Random(7)
    rooms = sorted({row["room_id"] for row in rows})
    for number in range(160):
        ids = chance.sample(rooms, chance.choice([1, 1, 1, 2, len(rooms)])) + chance.choice([[], [], ["empty-room"], [rooms[0]] * 2])
        total = sum(row["room_id"] in ids for row in rows)
        body = {"room_ids" if number % 2 else "roomIds": ids}
        if first := chance.choice([0, 1, 20, total // 2, total - 1, total, total + 5, 2**32 - 1]):
            body["from"] = chance.choice([first, str(first), float(first)])
        if limit := chance.choice([None, 0, 1, 3, 20, 99, 100, 101, "7", 2**32 - 1]):
            body["limit"] = limit
        if order := chance.choice([None, "", "DESC", "ASC", "ASC"]):
            body["order_by" if number % 2 else "orderBy"] = order
        yield body
    for number in range(2 * len(ODD_ROWS)):
        yield {"room_ids": ["odd"], "from": number // 2, "order_by": ["ASC", "DESC"][number % 2]}


def page(rows, request):
    """Returns the rows of a page, their total, and the result's other fields."""
    found = [row for row in rows if row["room_id"] in request.room_ids]
    first, limit = getattr(request, "from"), min(request.limit or 20, 100)
    ordered = found if request.order_by == "ASC" else found[::-1]
    return ordered[first:][:limit], len(found), {"from": first, "limit": limit, "order_by": request.order_by or "DESC"}


def documented(rows, total, fields):
    rooms = []
    for row in rows:
        room = {name: row.get(name, "") for name in (*TEXTS, "created", "ended")}
        analytics = {"analytics_file_id": row["analytics_file_id"]} if row.get("analytics_file_id") else {}
        rooms.append({**room, "joined_participants": int(row.get("joined_participants", 0)), **analytics})
    return {"status": True, "msg": "success", "result": {"total_rooms": total, **fields, "rooms_list": rooms}}


def plugnmeet(rows, total, fields):
    answer = schema.ANSWER(status=True, msg="success", status_code="SUCCESS")
    answer.result.MergeFrom(type(answer.result)(total_rooms=total, **fields))
    for row in rows:
        answer.result.rooms_list.add(
            **{name: row.get(name, "") for name in TEXTS},
            joined_participants=int(row.get("joined_participants", 0)),
            created=row["created"][:19] + "Z",
            ended=row["ended"][:19] + "Z" if row.get("ended") else ZERO_TIME,
            analytics_file_id=row.get("analytics_file_id"),
        )
    return schema.as_server_sends(answer)


@pytest.mark.parametrize("expected", [documented, plugnmeet])
def test_pages_equal_the_model(start_local, expected):
    with start_local("--answers", expected.__name__) as run:
        for number, row in enumerate(ODD_ROWS):
            keys = {"room_id": "odd", "room_sid": f"SID_{number}", "created_sid": f"{row['created']}#SID_{number}"}
            run.table().put_item(Item={**row, **keys})
        rows = run.rows()
        for body in requests(rows):
            text = run.ask(body).text
            request = json_format.ParseDict(body, schema.REQUEST())
            found, total, fields = page(rows, request)
            if total:
                assert json.loads(text) == expected(found, total, fields), body
                if expected is plugnmeet:
                    json_format.Parse(text, schema.ANSWER(), ignore_unknown_fields=False)
