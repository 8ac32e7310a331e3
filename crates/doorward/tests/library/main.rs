//! A server written with rmcp, made safe by the layer: the corridor is not the gateway's own.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends at the first surprise"
)]

#[path = "../kit/mod.rs"]
mod kit;

use std::sync::Arc;

use doorward::identity::{Caller, Resource};
use doorward::{Body, GuardLayer, GuardedService};
use http::request::Parts;
use http::{Request, StatusCode};
use http_body_util::Full;
use kit::{Answer, Kit, RESOURCE, base, initialize_body, legacy_request, modern_body, modern_request};
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ListToolsResult, PaginatedRequestParams,
    ServerConfig, Tool,
};
use rmcp::service::RequestContext;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ErrorData, RoleServer, ServerHandler};
use serde_json::{Value, json};
use tower::ServiceExt;

/// A small server that knows nothing of tokens: two tools, one of them for admins.
struct Small;

impl ServerHandler for Small {
    fn get_info(&self) -> ServerConfig {
        typed(json!({
            "protocolVersion": "2025-11-25", "capabilities": { "tools": {} },
            "serverInfo": { "name": "small", "version": "1" },
        }))
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let tool = |name: &str| json!({ "name": name, "inputSchema": { "type": "object" } });
        let tools: Vec<Tool> = typed(json!([tool("whoami"), tool("admin_drop")]));
        Ok(ListToolsResult { tools, ..Default::default() })
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let parts = context.extensions.get::<Parts>();
        let caller = parts.and_then(|parts| parts.extensions.get::<Arc<Caller>>());
        let name = caller.map_or("nobody", |caller| caller.subject());
        let credential = parts.is_some_and(|parts| parts.headers.contains_key("authorization"));
        let text = format!("{} by {name}, credential seen: {credential}", request.name);
        Ok(CallToolResult::success(vec![ContentBlock::text(text)]).into())
    }
}

fn typed<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

/// The small server behind the layer.
fn guarded(kit: &Kit) -> GuardedService {
    let inner = StreamableHttpService::new(
        || Ok(Small),
        Arc::new(LocalSessionManager::default()),
        StreamableHttpServerConfig::default(),
    );
    let resource = Resource {
        id: RESOURCE.to_owned(),
        metadata_url: "http://localhost:8700/.well-known/oauth-protected-resource/mcp".to_owned(),
        scopes: vec!["crm.read".to_owned()],
    };
    let layer = GuardLayer::new(kit.guard.clone(), "crm".parse().unwrap(), resource, vec![kit::ISSUER.to_owned()]);
    layer.guard::<_, Full<bytes::Bytes>, _>(inner)
}

async fn send(service: &GuardedService, request: Request<Body>) -> Answer {
    Answer::read(service.clone().oneshot(request).await.unwrap()).await
}

fn call(token: Option<&str>, id: i64, tool: &str) -> Request<Body> {
    modern_request(token, &modern_body(id, "tools/call", json!({ "name": tool, "arguments": {} })))
}

#[tokio::test]
async fn ten_calls_pass_and_the_handler_sees_the_proven_caller_but_no_credential() {
    let kit = Kit::new();
    let service = guarded(&kit);
    let alice = kit.token("alice", &["Admin"], &[]);
    let session = {
        let answer = send(&service, legacy_request(Some(&alice), None, &initialize_body())).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        let session = answer.header("mcp-session-id").to_owned();
        let note = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        let noted = send(&service, legacy_request(Some(&alice), Some(&session), &note)).await;
        assert_eq!(noted.status, StatusCode::ACCEPTED, "{noted:?}");
        session
    };
    for number in 0..5 {
        for tool in ["whoami", "admin_drop"] {
            let answer = if number % 2 == 0 {
                send(&service, call(Some(&alice), number, tool)).await
            } else {
                let body = json!({ "jsonrpc": "2.0", "id": format!("{number}-{tool}"), "method": "tools/call",
                                   "params": { "name": tool } });
                send(&service, legacy_request(Some(&alice), Some(&session), &body)).await
            };
            assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
            let text = answer.json()["result"]["content"][0]["text"].clone();
            assert_eq!(text, format!("{tool} by alice, credential seen: false"));
        }
    }
    assert_eq!(kit.ledger.of_kind("outcome").len(), 12, "ten calls and the handshake's two messages");
}

#[tokio::test]
async fn five_refusals_never_reach_the_server() {
    let kit = Kit::new();
    let service = guarded(&kit);
    let bob = kit.token("bob", &[], &[]);
    send(&service, call(None, 1, "whoami")).await.assert_401(false);
    send(&service, call(Some("made.up.token"), 1, "whoami")).await.assert_401(true);
    assert_eq!(send(&service, call(Some(&bob), 1, "admin_drop")).await.code(), -32602);
    let rebound = {
        let mut request = call(Some(&bob), 1, "whoami");
        request.headers_mut().insert("host", "evil.test".parse().unwrap());
        request
    };
    assert_eq!(send(&service, rebound).await.status, StatusCode::FORBIDDEN);
    let batch = base(Some(&bob)).body(Body::full("[]")).unwrap();
    assert_eq!(send(&service, batch).await.status, StatusCode::BAD_REQUEST);
    assert!(kit.ledger.of_kind("outcome").is_empty(), "nothing was sent");
}

#[tokio::test]
async fn lists_are_filtered_and_the_metadata_document_is_served() {
    let kit = Kit::new();
    let service = guarded(&kit);
    let bob = kit.token("bob", &[], &[]);
    let listed = send(&service, modern_request(Some(&bob), &modern_body(1, "tools/list", json!({})))).await.json();
    assert_eq!(listed["result"]["tools"].as_array().unwrap().len(), 1, "{listed}");
    let request = Request::get("/.well-known/oauth-protected-resource/mcp").body(Body::empty()).unwrap();
    let document: Value = serde_json::from_slice(&send(&service, request).await.body).unwrap();
    assert_eq!((&document["resource"], &document["authorization_servers"][0]), (&json!(RESOURCE), &json!(kit::ISSUER)));
}
