"""The messages of plugNmeet's protocol 1.5.0 that fetchPastRooms uses, written out as protobuf descriptors, so that answers
are read by protobuf's own rules: `REQUEST`, `ANSWER`, and `SUMMARY`, which is what errors are sent as.

In protobuf's JSON, as the server has it, every field that can be is there, under the names of the schema.
"""

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

Field = descriptor_pb2.FieldDescriptorProto
STATUS_CODES = [
    "UNKNOWN_STATUS",
    "SUCCESS",
    "PERMISSION_DENIED",
    "NOT_FOUND",
    "CONFLICT",
    "INVALID_TOKEN_OR_SIGNATURE",
    "INVALID_API_KEY",
    "INTERNAL_SERVER_ERROR",
    "INVALID_PARAMETERS",
    "MISSING_REQUIRED_PARAMETER",
    "ROOM_NOT_FOUND",
]
# In the order of their numbers, which begin at 1.
MESSAGES = {
    "FetchPastRoomsReq": ["repeated string room_ids", "uint32 from", "uint32 limit", "string order_by"],
    "PastRoomInfo": [
        "string room_title",
        "string room_id",
        "string room_sid",
        "int64 joined_participants",
        "string webhook_url",
        "string created",
        "string ended",
        "optional string analytics_file_id",
    ],
    "FetchPastRoomsResult": [
        "int64 total_rooms",
        "uint32 from",
        "uint32 limit",
        "string order_by",
        "repeated PastRoomInfo rooms_list",
    ],
    "FetchPastRoomsRes": ["bool status", "string msg", "StatusCode status_code", "FetchPastRoomsResult result"],
    "CommonResponse": ["bool status", "string msg", "StatusCode status_code"],
}
SCALARS = {
    "bool": Field.TYPE_BOOL,
    "int64": Field.TYPE_INT64,
    "string": Field.TYPE_STRING,
    "uint32": Field.TYPE_UINT32,
}


def _add_field(message, number, declaration):
    *label, kind, name = declaration.split()
    field = message.field.add(name=name, number=number)
    field.label = Field.LABEL_REPEATED if label == ["repeated"] else Field.LABEL_OPTIONAL
    if kind in SCALARS:
        field.type = SCALARS[kind]
    else:
        field.type = Field.TYPE_ENUM if kind == "StatusCode" else Field.TYPE_MESSAGE
        field.type_name = f".plugnmeet.{kind}"
    if label == ["optional"]:
        field.proto3_optional = True
        field.oneof_index = len(message.oneof_decl)
        message.oneof_decl.add(name=f"_{name}")


def _classes():
    file = descriptor_pb2.FileDescriptorProto(name="plugnmeet.proto", package="plugnmeet", syntax="proto3")
    codes = file.enum_type.add(name="StatusCode")
    for number, name in enumerate(STATUS_CODES):
        codes.value.add(name=name, number=number)
    for name, fields in MESSAGES.items():
        message = file.message_type.add(name=name)
        for number, declaration in enumerate(fields, 1):
            _add_field(message, number, declaration)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    names = ["FetchPastRoomsReq", "FetchPastRoomsRes", "CommonResponse"]
    return [message_factory.GetMessageClass(pool.FindMessageTypeByName(f"plugnmeet.{name}")) for name in names]


REQUEST, ANSWER, SUMMARY = _classes()


def parse(text, kind):
    """A message from its JSON. Unknown fields, wrong types and fields given twice are errors."""
    return json_format.Parse(text, kind(), ignore_unknown_fields=False)


def as_server_sends(message):
    """A message as the server's JSON has it, read back as values: 64-bit integers are strings."""
    return json_format.MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
