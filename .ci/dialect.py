"""Some two hundred requests to a server on the sample history, and what it must answer: as the API's documentation has it,
or as plugnmeet-server 2.4 does, read strictly by its protobuf schema. What is expected comes from a model that sorts and
cuts what a scan of the server's table finds, and shares nothing with the function.

usage: dialect.py documented|plugnmeet BASE_URL DYNAMODB_URL
"""

import collections
import hashlib
import hmac
import json
import random
import sys
import urllib.error
import urllib.request

import boto3
from google.protobuf import json_format

import schema

KEY, SECRET = "plugnmeet", "local-demo-secret"
# Rows as other writers leave them: an end that is not known, a count beyond 53 bits, fractions to be cut, no title.
ODD_ROWS = [
    {"created": "2026-01-01T10:00:00.999Z", "joined_participants": 2**53 + 1, "ended": "2026-01-01T11:00:00.999Z"},
    {"created": "2026-01-01T12:00:00.000Z", "room_title": "Ünfinished \"<&>\""},
    {"created": "2026-01-01T12:00:00.001Z", "ended": "", "analytics_file_id": "a file"},
]
ZERO_TIME = "0001-01-01T00:00:00Z"
# One request: which row of the comparison with a plugNmeet server it is for, its body, its headers if they are not the
# right ones, and how authentication fails if it does.
Case = collections.namedtuple("Case", "row body headers denied", defaults=(None, None))


class History:
    """The sessions of the table, and the pages of them."""

    def __init__(self, dynamodb_url):
        access = {"region_name": "us-east-1", "aws_access_key_id": "local", "aws_secret_access_key": "local"}
        table = boto3.resource("dynamodb", endpoint_url=dynamodb_url, **access).Table("past-rooms")
        for number, row in enumerate(ODD_ROWS):
            sid = f"SID_odd{number}"
            keys = {"room_id": "odd", "room_sid": sid, "created_sid": f"{row['created']}#{sid}"}
            table.put_item(Item={**row, **keys})
        rows, page = [], {}
        while not rows or "LastEvaluatedKey" in page:
            after = {"ExclusiveStartKey": page["LastEvaluatedKey"]} if page else {}
            page = table.scan(ConsistentRead=True, **after)
            rows += [row for row in page["Items"] if row["created_sid"][0].isdigit()]
        self.rows = sorted(rows, key=lambda row: (row["created"], row["room_sid"], row["room_id"]))

    def of(self, room_ids):
        return [row for row in self.rows if row["room_id"] in room_ids]


def read(body):
    """The request that a body is by protobuf's rules; none if it is broken."""

    def once(pairs):
        names = ["".join(part.capitalize() for part in name.split("_")).lower() for name, _ in pairs]
        if len(set(names)) < len(names):
            raise ValueError("a field twice")
        return dict(pairs)

    try:
        value = json.loads(body, object_pairs_hook=once)
        return json_format.ParseDict(value, schema.REQUEST(), ignore_unknown_fields=True) if type(value) is dict else None
    except (ValueError, json_format.ParseError):
        return None


def cut(rows, request, ascending):
    limit = min(request.limit or 20, 100)
    rows = rows if ascending else rows[::-1]
    return rows[getattr(request, "from") :][:limit], limit


def plugnmeet(case, history):
    """What server 2.4 answers: HTTP status, values, and its message where it is a fixed one."""

    def summary(code, msg):
        return schema.SUMMARY(status=False, msg=msg, status_code=code)

    if case.denied:
        return 401, summary(case.denied, None)
    request = read(case.body)
    # Without rooms the server answers with those of everybody, which is a difference on purpose.
    if request is None or not request.room_ids:
        return 200, summary("INVALID_PARAMETERS", None)
    sessions = history.of(request.room_ids)
    if not sessions:
        return 200, summary("NOT_FOUND", "no room found")
    rows, limit = cut(sessions, request, request.order_by == "ASC")
    answer = schema.ANSWER(status=True, msg="success", status_code="SUCCESS")
    result = {"total_rooms": len(sessions), "limit": limit, "order_by": request.order_by or "DESC"}
    answer.result.MergeFrom(type(answer.result)(**result, **{"from": getattr(request, "from")}))
    for row in rows:
        answer.result.rooms_list.add(
            **{name: row.get(name, "") for name in ("room_title", "room_id", "room_sid", "webhook_url")},
            joined_participants=int(row.get("joined_participants", 0)),
            created=row["created"][:19] + "Z",
            ended=row["ended"][:19] + "Z" if row.get("ended") else ZERO_TIME,
            analytics_file_id=row.get("analytics_file_id"),
        )
    return 200, answer


def documented(case, history):
    """What the documentation has: HTTP status and values; an error's message is free."""
    wrong = {"status": False, "msg": None}
    if case.denied:
        return 401, wrong
    request = read(case.body)
    if request is None or not request.room_ids or request.order_by.upper() not in ("", "ASC", "DESC"):
        return 400, wrong
    sessions = history.of(request.room_ids)
    if not sessions:
        return 200, {"status": False, "msg": "no info found"}
    order = request.order_by.upper() or "DESC"
    rows, limit = cut(sessions, request, order == "ASC")
    texts = ("room_title", "room_id", "room_sid", "webhook_url", "created", "ended")
    rooms = [{name: row.get(name, "") for name in texts} for row in rows]
    for room, row in zip(rooms, rows):
        room["joined_participants"] = int(row.get("joined_participants", 0))
        room |= {"analytics_file_id": row["analytics_file_id"]} if row.get("analytics_file_id") else {}
    result = {"total_rooms": len(sessions), "from": getattr(request, "from"), "limit": limit, "order_by": order}
    return 200, {"status": True, "msg": "success", "result": {**result, "rooms_list": rooms}}


def cases(history):
    """The requests, by the rows of the comparison."""
    rng = random.Random(7)
    rooms = sorted({row["room_id"] for row in history.rows})

    for number in range(160):
        ids = rng.sample(rooms, rng.choice([1, 1, 1, 2, len(rooms)])) + rng.choice([[], [], ["empty-room"], [rooms[0]] * 2])
        total = len(history.of(ids))
        body = {"room_ids" if number % 2 else "roomIds": ids}
        if first := rng.choice([0, 1, 20, total // 2, total - 1, total, total + 5, 2**32 - 1]):
            body["from"] = rng.choice([first, str(first), float(first)])
        if limit := rng.choice([None, 0, 1, 3, 20, 99, 100, 101, "7", 2**32 - 1]):
            body["limit"] = limit
        if order := rng.choice([None, "", "DESC", "ASC", "ASC"]):
            body["order_by" if number % 2 else "orderBy"] = order
        yield Case("pages: totals, counts, times", json.dumps(body))

    for first in range(len(ODD_ROWS)):
        for order in "ASC", "DESC":
            body = {"room_ids": ["odd"], "from": first, "order_by": order}
            yield Case("unknown ends, cut fractions, 64-bit numbers", json.dumps(body))
    for body in [
        '{"room_ids":["empty-room"]}',
        '{"roomIds":["empty-room","nobody"],"from":20,"limit":20,"orderBy":"ASC"}',
        # A room id is exact, on purpose; the server compares without case.
        '{"room_ids":["ROOM01"]}',
    ]:
        yield Case("nothing found", body)
    for order in ["asc", "Asc", "desc", "Desc", " ASC", "DESC ", "created", "random", "DESC; DROP TABLE", "\u00c4SC"]:
        yield Case("unknown order_by", json.dumps({"room_ids": ["board-meeting"], "limit": 3, "order_by": order}))
    for body in ['{"room_ids":[]}', "{}", '{"room_ids":null,"limit":5}', '{"roomids":["room01"]}']:
        yield Case("no room_ids", body)
    for body in [
        "", "null", "[]", '"room01"', "{", '{"room_ids":["room01"]', '{"room_ids":["room01"]}}', "room_ids=room01",
        '{"room_ids":"room01"}', '{"room_ids":[1]}', '{"room_ids":[null]}', '{"room_ids":{"a":"b"}}',
        '{"room_ids":["room01"],"from":-1}', '{"room_ids":["room01"],"from":1.5}', '{"room_ids":["room01"],"from":"x"}',
        '{"room_ids":["room01"],"from":true}', '{"room_ids":["room01"],"limit":4294967296}',
        '{"room_ids":["room01"],"limit":[20]}', '{"room_ids":["room01"],"order_by":5}',
        '{"room_ids":["room01"],"limit":1,"limit":2}', '{"room_ids":["room01"],"roomIds":["math-101"]}',
    ]:
        yield Case("broken bodies", body)
    for body in [
        '{"room_ids":["room01"],"from":null,"limit":null,"order_by":null}',
        '{"room_ids":["room01"],"more":{"from":5},"user_id":"x"}',
        ' {\n"room_ids" : [ "room\\u00301" ] , "limit" : 2e0 }\n',
    ]:
        yield Case("unusual but right bodies", body)
    body = '{"room_ids":["room01"],"limit":2}'
    # Upper case is taken on purpose; the server knows lower case only.
    yield Case("authentication", body, {"API-KEY": KEY, "HASH-SIGNATURE": sign(body).upper()})
    for headers, code in [
        ({"HASH-SIGNATURE": sign(body)}, "MISSING_REQUIRED_PARAMETER"),
        ({"API-KEY": "somebody", "HASH-SIGNATURE": sign(body)}, "INVALID_API_KEY"),
        ({"API-KEY": KEY}, "MISSING_REQUIRED_PARAMETER"),
        ({"API-KEY": KEY, "HASH-SIGNATURE": sign(body + " ")}, "INVALID_TOKEN_OR_SIGNATURE"),
        ({"API-KEY": KEY, "HASH-SIGNATURE": "no hex"}, "INVALID_TOKEN_OR_SIGNATURE"),
        ({}, "MISSING_REQUIRED_PARAMETER"),
    ]:
        yield Case("authentication", body, headers, code)


def sign(body):
    return hmac.new(SECRET.encode(), body.encode(), hashlib.sha256).hexdigest()


def ask(base_url, case):
    """HTTP status and body of the server's answer."""
    headers = case.headers if case.headers is not None else {"API-KEY": KEY, "HASH-SIGNATURE": sign(case.body)}
    url = f"{base_url}/auth/room/fetchPastRooms"
    request = urllib.request.Request(url, case.body.encode(), {"Content-Type": "application/json", **headers})
    try:
        response = urllib.request.urlopen(request)
    except urllib.error.HTTPError as error:
        response = error
    with response:
        assert response.headers["Content-Type"] == "application/json", response.headers
        return response.status, response.read().decode()


def difference(expected, status, text):
    """How an answer differs from what is expected; none if it does not."""
    status_expected, message = expected
    if status != status_expected:
        return f"HTTP {status} instead of {status_expected}: {text}"
    values = message
    if not isinstance(message, dict):
        try:
            schema.parse(text, type(message))
        except json_format.ParseError as error:
            return f"not of the schema: {error}: {text}"
        values = schema.as_server_sends(message)
    came = json.loads(text)
    if not values["status"] and not values["msg"]:
        values["msg"] = came.get("msg") or "any text"
    return None if came == values else f"expected {json.dumps(values, ensure_ascii=False)}\n      got      {text}"


def main():
    dialect, base_url, dynamodb_url = sys.argv[1:]
    expect = {"documented": documented, "plugnmeet": plugnmeet}[dialect]
    history = History(dynamodb_url)
    asked, wrong = collections.Counter(), collections.Counter()
    for case in cases(history):
        asked[case.row] += 1
        if found := difference(expect(case, history), *ask(base_url, case)):
            wrong[case.row] += 1
            print(f"WRONG {case.body[:200]!r} {case.headers or ''}\n      {found[:1000]}")
    for row, count in asked.items():
        print(f"{'WRONG' if wrong[row] else 'ok   '} {dialect}: {row}: {count - wrong[row]} of {count}")
    sys.exit(1 if wrong else 0)


main()
