"""The messages of fetchPastRooms in plugNmeet's protocol 1.5.0, as protobuf classes: REQUEST and ANSWER."""

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

Field = descriptor_pb2.FieldDescriptorProto
SCALARS = {"bool": Field.TYPE_BOOL, "int64": Field.TYPE_INT64, "string": Field.TYPE_STRING, "uint32": Field.TYPE_UINT32}
STATUS_CODES = """UNKNOWN_STATUS SUCCESS PERMISSION_DENIED NOT_FOUND CONFLICT INVALID_TOKEN_OR_SIGNATURE INVALID_API_KEY
INTERNAL_SERVER_ERROR INVALID_PARAMETERS MISSING_REQUIRED_PARAMETER ROOM_NOT_FOUND""".split()
# Fields are in the order of their numbers, which begin at 1.
MESSAGES = {
    "FetchPastRoomsReq": "repeated string room_ids; uint32 from; uint32 limit; string order_by",
    "PastRoomInfo": "string room_title; string room_id; string room_sid; int64 joined_participants; string webhook_url; "
    "string created; string ended; optional string analytics_file_id",
    "FetchPastRoomsResult": "int64 total_rooms; uint32 from; uint32 limit; string order_by; repeated PastRoomInfo rooms_list",
    "FetchPastRoomsRes": "bool status; string msg; StatusCode status_code; FetchPastRoomsResult result",
}


def _message(file, name, fields):
    message = file.message_type.add(name=name)
    for number, declaration in enumerate(fields.split("; "), 1):
        *label, kind, name = declaration.split()
        field = message.field.add(name=name, number=number)
        field.label = Field.LABEL_REPEATED if label == ["repeated"] else Field.LABEL_OPTIONAL
        field.type = SCALARS.get(kind, Field.TYPE_ENUM if kind == "StatusCode" else Field.TYPE_MESSAGE)
        if kind not in SCALARS:
            field.type_name = f".plugnmeet.{kind}"
        if label == ["optional"]:
            field.proto3_optional, field.oneof_index = True, len(message.oneof_decl)
            message.oneof_decl.add(name=f"_{name}")


def _classes(*names):
    file = descriptor_pb2.FileDescriptorProto(name="plugnmeet.proto", package="plugnmeet", syntax="proto3")
    codes = file.enum_type.add(name="StatusCode")
    for number, name in enumerate(STATUS_CODES):
        codes.value.add(name=name, number=number)
    for name, fields in MESSAGES.items():
        _message(file, name, fields)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return [message_factory.GetMessageClass(pool.FindMessageTypeByName(f"plugnmeet.{name}")) for name in names]


REQUEST, ANSWER = _classes("FetchPastRoomsReq", "FetchPastRoomsRes")


def as_server_sends(message):
    """Returns the server's JSON for a message, as values: 64-bit integers are strings, and no field is left out."""
    return json_format.MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
