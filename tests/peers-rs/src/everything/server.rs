//! The handler: takes each request to the family that answers it.

use std::sync::{Arc, Mutex, PoisonError};

use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CacheScope, CallToolRequestParams, CallToolResponse, CancelTaskParams, CompleteRequestParams, CompleteResult,
        GetPromptRequestParams, GetPromptResponse, GetTaskParams, GetTaskResult, InitializeRequestParams,
        InitializeResult, ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult, ListToolsResult,
        LoggingLevel, PaginatedRequestParams, ReadResourceRequestParams, ReadResourceResponse, ServerConfig,
        SetLevelRequestParams, SubscribeRequestParams, SubscriptionFilter, Tool, UnsubscribeRequestParams,
        UpdateTaskParams,
    },
    service::{RequestContext, SubscriptionContext},
    task_manager::TaskManager,
};
use serde_json::{Value, json};

use super::{
    asking, content,
    json::{typed, unknown},
    prompts, reporting, resources,
    rounds::{self, Seal},
    schemas, tasks,
    watching::{self, Watchers},
};

/// How long a client may keep a list, in milliseconds.
const CACHE_TTL_MS: u64 = 60_000;

/// What every session of one server shares.
pub struct Shared {
    tasks: TaskManager,
    watchers: Watchers,
    seal: Seal,
}

impl Default for Shared {
    fn default() -> Self {
        Self { tasks: TaskManager::new(), watchers: Watchers::default(), seal: Seal::new() }
    }
}

/// One session's view of the server.
pub struct Everything {
    shared: Arc<Shared>,
    level: Mutex<LoggingLevel>,
}

impl Everything {
    /// A new session.
    #[must_use]
    pub fn new(shared: Arc<Shared>) -> Self {
        Self { shared, level: Mutex::new(LoggingLevel::Debug) }
    }

    fn level(&self) -> LoggingLevel {
        *self.level.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn tools() -> Vec<Tool> {
    let families: [Vec<Value>; 7] = [
        content::tools(),
        reporting::tools(),
        asking::tools(),
        schemas::tools(),
        rounds::tools(),
        watching::tools(),
        tasks::tools(),
    ];
    typed(Value::Array(families.concat()))
}

impl ServerHandler for Everything {
    fn get_info(&self) -> ServerConfig {
        typed(json!({
            "protocolVersion": "2025-11-25",
            "capabilities": {
                "completions": {},
                "logging": {},
                "prompts": { "listChanged": true },
                "resources": { "subscribe": true, "listChanged": true },
                "tools": { "listChanged": true },
                "extensions": { "io.modelcontextprotocol/tasks": {} },
            },
            "serverInfo": { "name": "conformance-upstream", "version": env!("CARGO_PKG_VERSION") },
            "instructions": "answers what the conformance suite asks",
        }))
    }

    async fn initialize(
        &self,
        request: InitializeRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<InitializeResult, ErrorData> {
        Ok(self.get_info().with_protocol_version(request.protocol_version))
    }

    async fn ping(&self, _: RequestContext<RoleServer>) -> Result<(), ErrorData> {
        Ok(())
    }

    async fn set_level(&self, request: SetLevelRequestParams, _: RequestContext<RoleServer>) -> Result<(), ErrorData> {
        *self.level.lock().unwrap_or_else(PoisonError::into_inner) = request.level;
        Ok(())
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        Ok(prompts::complete(&request))
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let list = ListToolsResult { tools: tools(), ..Default::default() };
        Ok(list.with_ttl_ms(CACHE_TTL_MS).with_cache_scope(CacheScope::Public))
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        schemas::get(name)
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let capabilities = context.client_capabilities().unwrap_or_default();
        let none = serde_json::Map::new();
        let arguments = request.arguments.as_ref().unwrap_or(&none);
        let name = request.name.as_ref();
        if let Some(result) = content::call(name) {
            return Ok(result.into());
        }
        if let Some(result) = schemas::call(name, arguments) {
            return result.map(Into::into);
        }
        if let Some(result) = reporting::call(name, &context, self.level()).await {
            return Ok(result.into());
        }
        if let Some(result) = asking::call(name, arguments, &context).await {
            return Ok(result.into());
        }
        if let Some(result) = rounds::call(&request, &capabilities, &self.shared.seal) {
            return result;
        }
        if let Some(result) = watching::call(name, &self.shared.watchers).await {
            return Ok(result.into());
        }
        if let Some(result) = tasks::call(&request, &capabilities, &self.shared.tasks).await {
            return result;
        }
        Err(unknown("tool", name))
    }

    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        let list = ListPromptsResult { prompts: prompts::list(), ..Default::default() };
        Ok(list.with_ttl_ms(CACHE_TTL_MS).with_cache_scope(CacheScope::Public))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        prompts::get(&request)
    }

    async fn list_resources(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let list = ListResourcesResult { resources: resources::list(), ..Default::default() };
        Ok(list.with_ttl_ms(CACHE_TTL_MS).with_cache_scope(CacheScope::Public))
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        let list = ListResourceTemplatesResult { resource_templates: resources::templates(), ..Default::default() };
        Ok(list.with_ttl_ms(CACHE_TTL_MS).with_cache_scope(CacheScope::Public))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let read = resources::read(&request.uri)?;
        Ok(read.with_ttl_ms(CACHE_TTL_MS).with_cache_scope(CacheScope::Public).into())
    }

    /// Accepts any address; nothing here ever changes.
    async fn subscribe(&self, _: SubscribeRequestParams, _: RequestContext<RoleServer>) -> Result<(), ErrorData> {
        Ok(())
    }

    async fn unsubscribe(&self, _: UnsubscribeRequestParams, _: RequestContext<RoleServer>) -> Result<(), ErrorData> {
        Ok(())
    }

    fn accepted_subscription_filter(&self, requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        Some(requested.supported_by(&self.get_info().capabilities))
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        self.shared.watchers.keep(&context).await;
        Ok(())
    }

    async fn get_task(
        &self,
        request: GetTaskParams,
        _: RequestContext<RoleServer>,
    ) -> Result<GetTaskResult, ErrorData> {
        Ok(GetTaskResult::new(self.shared.tasks.get_task(&request.task_id)?))
    }

    async fn update_task(&self, request: UpdateTaskParams, _: RequestContext<RoleServer>) -> Result<(), ErrorData> {
        self.shared.tasks.update_task(&request.task_id, request.input_responses)
    }

    async fn cancel_task(&self, request: CancelTaskParams, _: RequestContext<RoleServer>) -> Result<(), ErrorData> {
        self.shared.tasks.cancel_task(&request.task_id)
    }
}
