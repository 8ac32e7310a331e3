//! The prompts, and completion.

use rmcp::{
    ErrorData,
    model::{
        CompleteRequestParams, CompleteResult, GetPromptRequestParams, GetPromptResponse, GetPromptResult, Prompt,
        Reference,
    },
};
use serde_json::{Value, json};

use super::{
    content::{picture, resource},
    json::{form, needs, text_at, text_block, typed, unknown},
    rounds::Given,
};

pub(super) fn list() -> Vec<Prompt> {
    typed(json!([
        { "name": "test_simple_prompt", "description": "no arguments" },
        {
            "name": "test_prompt_with_arguments",
            "description": "two arguments",
            "arguments": [
                { "name": "arg1", "description": "the first", "required": true },
                { "name": "arg2", "description": "the second", "required": true },
            ],
        },
        {
            "name": "test_prompt_with_embedded_resource",
            "description": "a resource inside",
            "arguments": [{ "name": "resourceUri", "description": "its address", "required": true }],
        },
        { "name": "test_prompt_with_image", "description": "a picture inside" },
        { "name": "test_input_required_result_prompt", "description": "asks the user first" },
    ]))
}

pub(super) fn get(request: &GetPromptRequestParams) -> Result<GetPromptResponse, ErrorData> {
    let argument = |name: &str| {
        let given = request.arguments.as_ref().and_then(|all| all.get(name));
        given.and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let messages = match request.name.as_str() {
        "test_simple_prompt" => json!([user(&text_block("This is a simple prompt for testing."))]),
        "test_prompt_with_arguments" => {
            let (first, second) = (argument("arg1"), argument("arg2"));
            json!([user(&text_block(format!("Prompt with arguments: arg1='{first}', arg2='{second}'")))])
        }
        "test_prompt_with_embedded_resource" => {
            let uri = Some(argument("resourceUri")).filter(|uri| !uri.is_empty());
            let uri = uri.unwrap_or_else(|| "test://static-text".to_owned());
            json!([
                user(&resource(&uri, "text/plain", "Embedded resource content for testing.")),
                user(&text_block("Please process the embedded resource above.")),
            ])
        }
        "test_prompt_with_image" => {
            json!([user(&picture()), user(&text_block("Please analyze the image above."))])
        }
        "test_input_required_result_prompt" => match Given(request.input_responses.as_ref()).get("user_context") {
            Some(answer) => {
                let context = text_at(answer, "/content/context", "none");
                json!([user(&text_block(format!("Use this context: {context}")))])
            }
            None => {
                let question = form("What context should the prompt use?", "context", "string");
                return Ok(needs(json!({ "user_context": question }), None).into());
            }
        },
        other => return Err(unknown("prompt", other)),
    };
    Ok(GetPromptResult::new(typed(messages)).into())
}

/// Completes an argument by what a prompt or template may take.
pub(super) fn complete(request: &CompleteRequestParams) -> CompleteResult {
    let known: &[&str] = match &request.r#ref {
        Reference::Prompt(_) => &["paris", "park", "party"],
        Reference::Resource(_) => &["1", "2", "3"],
        _ => &[],
    };
    let values: Vec<&str> = known.iter().copied().filter(|value| value.starts_with(&request.argument.value)).collect();
    CompleteResult::new(typed(json!({ "total": values.len(), "values": values, "hasMore": false })))
}

fn user(content: &Value) -> Value {
    json!({ "role": "user", "content": content })
}
