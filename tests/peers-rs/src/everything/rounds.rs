//! Tools of the 2026-07-28 era that answer `input_required` until the client
//! has given what they ask for (SEP-2322).

use rmcp::{
    ErrorData,
    model::{CallToolRequestParams, CallToolResponse, ClientCapabilities, InputResponses, RequestStateCodec},
};
use serde_json::{Map, Value, json};

use super::json::{form, needs, plain_tool, roots, sampling, says, text_at, typed};

/// Every tool of this family that seals its progress into `requestState`.
pub(super) struct Seal(RequestStateCodec);

impl Seal {
    /// The key is no secret: nothing here is worth forging.
    pub(super) fn new() -> Self {
        Self(RequestStateCodec::new_unchecked(b"a fixed key, since only tests talk to this server"))
    }

    fn close(&self, step: u64) -> Result<Option<String>, ErrorData> {
        let sealed = self.0.seal_json(&json!({ "step": step }));
        sealed.map(Some).map_err(|error| ErrorData::internal_error(error.to_string(), None))
    }

    /// The step that the client returned, 0 if it returned none.
    fn open(&self, state: Option<&str>) -> Result<u64, ErrorData> {
        let Some(state) = state else { return Ok(0) };
        let opened: Value = self
            .0
            .open_json(state)
            .map_err(|_| ErrorData::invalid_params("`requestState` isn't one of this server's", None))?;
        Ok(opened.get("step").and_then(Value::as_u64).unwrap_or(0))
    }
}

pub(super) fn tools() -> Vec<Value> {
    [
        ("test_input_required_result_elicitation", "asks the user for a name"),
        ("test_input_required_result_sampling", "asks the client's model"),
        ("test_input_required_result_list_roots", "asks for the client's roots"),
        ("test_input_required_result_request_state", "returns a sealed state"),
        ("test_input_required_result_tampered_state", "refuses a changed state"),
        ("test_input_required_result_multiple_inputs", "asks three things at once"),
        ("test_input_required_result_multi_round", "asks twice, one after the other"),
        ("test_input_required_result_capabilities", "asks only what the client can give"),
        ("test_streaming_elicitation", "asks in the answer, never on the stream"),
        ("test_missing_capability", "needs a client that can sample"),
    ]
    .map(|(name, description)| plain_tool(name, description))
    .into()
}

pub(super) fn call(
    request: &CallToolRequestParams,
    capabilities: &ClientCapabilities,
    seal: &Seal,
) -> Option<Result<CallToolResponse, ErrorData>> {
    let given = Given(request.input_responses.as_ref());
    let state = request.request_state.as_deref();
    Some(match request.name.as_ref() {
        "test_input_required_result_elicitation" => Ok(match given.get("user_name") {
            Some(answer) => says(format!("Hello, {}!", text_at(answer, "/content/name", "you"))).into(),
            None => needs(json!({ "user_name": ask_name() }), None).into(),
        }),
        "test_input_required_result_sampling" => Ok(match given.get("capital_question") {
            Some(answer) => says(format!("the model says: {}", text_at(answer, "/content/text", "nothing"))).into(),
            None => {
                let question = sampling("What is the capital of France?");
                needs(json!({ "capital_question": question }), None).into()
            }
        }),
        "test_input_required_result_list_roots" => Ok(match given.get("client_roots") {
            Some(answer) => says(format!("the roots are {}", answer["roots"])).into(),
            None => needs(json!({ "client_roots": roots() }), None).into(),
        }),
        "test_input_required_result_request_state" | "test_input_required_result_tampered_state" => {
            confirmed(state, seal)
        }
        "test_input_required_result_multiple_inputs" => gathered(given, state, seal),
        "test_input_required_result_multi_round" => in_rounds(state, seal),
        "test_input_required_result_capabilities" => Ok(within(given, capabilities)),
        "test_streaming_elicitation" => {
            let question = form("give a value", "value", "string");
            Ok(needs(json!({ "value": question }), None).into())
        }
        "test_missing_capability" => sampled_only(capabilities),
        _ => return None,
    })
}

/// The client's answers; one that is no object counts as not given.
#[derive(Clone, Copy)]
pub(super) struct Given<'a>(pub(super) Option<&'a InputResponses>);

impl<'a> Given<'a> {
    pub(super) fn get(self, key: &str) -> Option<&'a Value> {
        self.0?.get(key).filter(|answer| answer.is_object())
    }
}

pub(super) fn ask_name() -> Value {
    form("What is your name?", "name", "string")
}

fn confirmed(state: Option<&str>, seal: &Seal) -> Result<CallToolResponse, ErrorData> {
    if state.is_some() {
        seal.open(state)?;
        return Ok(says("state-ok").into());
    }
    let question = form("Please confirm", "ok", "boolean");
    Ok(needs(json!({ "confirm": question }), seal.close(1)?).into())
}

fn gathered(given: Given<'_>, state: Option<&str>, seal: &Seal) -> Result<CallToolResponse, ErrorData> {
    let step = seal.open(state)?;
    let complete = ["user_name", "greeting", "client_roots"].into_iter().all(|key| given.get(key).is_some());
    if complete && step > 0 {
        return Ok(says("three of three are here").into());
    }
    let requests = json!({
        "user_name": ask_name(),
        "greeting": sampling("Generate a greeting"),
        "client_roots": roots(),
    });
    Ok(needs(requests, seal.close(1)?).into())
}

fn in_rounds(state: Option<&str>, seal: &Seal) -> Result<CallToolResponse, ErrorData> {
    Ok(match seal.open(state)? {
        0 => needs(json!({ "step1": form("Step 1: your name?", "name", "string") }), seal.close(1)?).into(),
        1 => needs(json!({ "step2": form("Step 2: a colour?", "color", "string") }), seal.close(2)?).into(),
        _ => says("both rounds are over").into(),
    })
}

fn within(given: Given<'_>, capabilities: &ClientCapabilities) -> CallToolResponse {
    if given.0.is_some() {
        return says("the client gave what it could").into();
    }
    let mut requests = Map::new();
    if capabilities.elicitation.is_some() {
        requests.insert("user_name".into(), ask_name());
    }
    if capabilities.sampling.is_some() {
        requests.insert("greeting".into(), sampling("Generate a greeting"));
    }
    if capabilities.roots.is_some() {
        requests.insert("client_roots".into(), roots());
    }
    if requests.is_empty() {
        return says("the client can give nothing").into();
    }
    needs(Value::Object(requests), None).into()
}

fn sampled_only(capabilities: &ClientCapabilities) -> Result<CallToolResponse, ErrorData> {
    if capabilities.sampling.is_some() {
        return Ok(says("the client can sample").into());
    }
    let needed = typed(json!({ "sampling": {} }));
    Err(ErrorData::missing_required_client_capability(needed))
}
