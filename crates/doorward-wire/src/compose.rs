//! Messages that Doorward itself says.

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::error::RpcError;
use crate::id::Id;
use crate::method::Method;

/// A JSON-RPC error response. Without an id it has none, which MCP asks for where the request's could not be read (A11).
pub fn error_response(id: Option<&Id>, error: &RpcError) -> Bytes {
    write(&Outgoing { id: id.and_then(json), error: Some(ErrorObject::of(error)), ..Outgoing::default() })
}

/// A JSON-RPC result response. The caller guarantees that `result` is an object.
pub fn result_response(id: &Id, result: &Value) -> Bytes {
    write(&Outgoing { id: json(id), result: Some(result), ..Outgoing::default() })
}

/// A JSON-RPC request. The caller guarantees that `params` is an object.
pub fn request(id: &Id, method: &Method, params: Option<&Value>) -> Bytes {
    write(&Outgoing { id: json(id), method: Some(method.as_str()), params, ..Outgoing::default() })
}

/// A JSON-RPC notification. The caller guarantees that `params` is an object.
pub fn notification(method: &Method, params: Option<&Value>) -> Bytes {
    write(&Outgoing { method: Some(method.as_str()), params, ..Outgoing::default() })
}

#[derive(Serialize, Default)]
struct Outgoing<'a> {
    jsonrpc: Two,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    params: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorObject<'a>>,
}

/// The protocol version of JSON-RPC itself.
#[derive(Serialize, Default)]
enum Two {
    #[default]
    #[serde(rename = "2.0")]
    Zero,
}

#[derive(Serialize)]
struct ErrorObject<'a> {
    code: i64,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a Value>,
}

impl<'a> ErrorObject<'a> {
    fn of(error: &'a RpcError) -> Self {
        Self { code: error.code, message: &error.message, data: error.data.as_ref() }
    }
}

/// An id's own text, so that an answer repeats it byte for byte.
fn json(id: &Id) -> Option<&RawValue> {
    serde_json::from_str(id.as_json()).ok()
}

fn write(message: &Outgoing<'_>) -> Bytes {
    // Writing plain values to memory does not fail; should it ever, a generic error is said and nothing else.
    serde_json::to_vec(message).map_or_else(
        |_| Bytes::from_static(br#"{"jsonrpc":"2.0","error":{"code":-32603,"message":"internal error"}}"#),
        Bytes::from,
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::error::code;
    use crate::message::{Kind, Limits, Message, Sender};

    fn read(bytes: Bytes, from: Sender) -> Message {
        Message::parse(bytes, from, &Limits::default()).unwrap()
    }

    #[test]
    fn a11_an_error_repeats_the_id_as_it_came_and_omits_an_unreadable_one() {
        let error = RpcError { code: code::INVALID_PARAMS, message: "no".into(), data: Some(json!({"a": 1})) };
        let id = Id::parse("\"\\u0061\"").unwrap();
        assert_eq!(
            &error_response(Some(&id), &error)[..],
            br#"{"jsonrpc":"2.0","id":"\u0061","error":{"code":-32602,"message":"no","data":{"a":1}}}"#
        );
        assert_eq!(
            &error_response(None, &RpcError::new(code::PARSE, "no"))[..],
            br#"{"jsonrpc":"2.0","error":{"code":-32700,"message":"no"}}"#
        );
    }

    #[test]
    fn what_is_composed_is_read_back() {
        let id = Id::number(3);
        let message = read(request(&id, &Method::Ping, None), Sender::Server);
        assert_eq!(message.kind(), Kind::Request { id: &id, method: &Method::Ping });
        let message = read(result_response(&id, &json!({"a": 1})), Sender::Server);
        assert_eq!((message.kind(), message.result()), (Kind::Result { id: &id }, Some(r#"{"a":1}"#)));
        let message = read(notification(&Method::Cancelled, Some(&json!({"requestId": 3}))), Sender::Client);
        assert_eq!(message.cancelled_id(), Some(&id));
    }
}
