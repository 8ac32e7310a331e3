//! The built-in server's three tools. Their customers are made up.

use serde_json::{Value, json};

/// Name, region, mail address and telephone number of each customer.
const CUSTOMERS: [[&str; 4]; 3] = [
    ["Ada Example", "north", "ada@example.com", "+49 30 901820"],
    ["Ben Sample", "south", "ben@example.org", "+44 20 7946 0958"],
    ["Cleo Specimen", "north", "cleo@example.net", "+1 202 555 0143"],
];

/// What `tools/list` tells.
pub(super) fn definitions() -> Value {
    json!([
        {
            "name": "addNumbers",
            "title": "Add two numbers",
            "description": "Adds two whole numbers.",
            "inputSchema": {
                "type": "object",
                "properties": { "a": { "type": "integer" }, "b": { "type": "integer" } },
                "required": ["a", "b"],
            },
        },
        {
            "name": "adminRestart",
            "title": "Restart a service",
            "description": "Restarts a service. In this demonstration it only says so.",
            "inputSchema": {
                "type": "object",
                "properties": { "service": { "type": "string" } },
                "required": ["service"],
            },
        },
        {
            "name": "customerData",
            "title": "Look up customers",
            "description": "Lists the customers of a region: `north` or `south`.",
            "inputSchema": {
                "type": "object",
                "properties": { "region": { "type": "string", "enum": ["north", "south"] } },
                "required": ["region"],
            },
        },
    ])
}

/// Calls a tool; nothing when there is no such tool. A tool that can't do what it was asked says why.
pub(super) fn call(name: &str, arguments: &Value) -> Option<Result<String, String>> {
    match name {
        "addNumbers" => Some(add(arguments)),
        "adminRestart" => Some(restart(arguments)),
        "customerData" => Some(customers(arguments)),
        _ => None,
    }
}

fn add(arguments: &Value) -> Result<String, String> {
    let number = |name: &str| arguments.get(name).and_then(Value::as_i64);
    let (Some(a), Some(b)) = (number("a"), number("b")) else {
        return Err("`a` and `b` must be whole numbers".to_owned());
    };
    let sum = a.checked_add(b).ok_or("the sum is too large")?;
    Ok(sum.to_string())
}

fn restart(arguments: &Value) -> Result<String, String> {
    let service = arguments.get("service").and_then(Value::as_str).ok_or("`service` must be a name")?;
    Ok(format!("{} would be restarted now", service.escape_debug()))
}

fn customers(arguments: &Value) -> Result<String, String> {
    let region = arguments.get("region").and_then(Value::as_str).ok_or("`region` must be `north` or `south`")?;
    let found: Vec<_> = CUSTOMERS
        .iter()
        .filter(|[_, of, ..]| *of == region)
        .map(|[name, _, mail, telephone]| format!("{name}, {mail}, {telephone}"))
        .collect();
    if found.is_empty() {
        return Err("there is no such region; ask for `north` or `south`".to_owned());
    }
    Ok(found.join("\n"))
}
