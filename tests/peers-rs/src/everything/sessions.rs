//! Sessions whose streams can be cut in the middle of an answer (SEP-1699).

use std::time::Duration;

use futures::{Stream, StreamExt};
use rmcp::{
    model::{ClientJsonRpcMessage, ClientRequest, JsonRpcMessage, ServerJsonRpcMessage},
    transport::{
        common::server_side_http::ServerSseMessage,
        streamable_http_server::{
            SessionId, SessionManager,
            session::local::{LocalSessionManager, LocalSessionManagerError, SessionTransport},
        },
    },
};
use tokio::time::sleep;

use super::reporting::RECONNECTION;

/// How long a stream lives that is going to be cut: its first event, which
/// carries the id to resume from, has left by then.
const LIFE: Duration = Duration::from_millis(100);

/// rmcp's sessions in memory, but the stream that answers `test_reconnection`
/// ends before the answer: the client has to come back with `Last-Event-ID`.
#[derive(Debug, Default)]
pub struct CuttingSessions(LocalSessionManager);

impl SessionManager for CuttingSessions {
    type Error = LocalSessionManagerError;
    type Transport = SessionTransport;

    async fn create_session(&self) -> Result<(SessionId, Self::Transport), Self::Error> {
        self.0.create_session().await
    }

    async fn initialize_session(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<ServerJsonRpcMessage, Self::Error> {
        self.0.initialize_session(id, message).await
    }

    async fn has_session(&self, id: &SessionId) -> Result<bool, Self::Error> {
        self.0.has_session(id).await
    }

    async fn close_session(&self, id: &SessionId) -> Result<(), Self::Error> {
        self.0.close_session(id).await
    }

    async fn create_stream(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        let cut = is_reconnection(&message);
        let stream = self.0.create_stream(id, message).await?;
        let end = async move {
            if cut {
                sleep(LIFE).await;
            } else {
                std::future::pending::<()>().await;
            }
        };
        Ok(stream.take_until(Box::pin(end)))
    }

    async fn accept_message(&self, id: &SessionId, message: ClientJsonRpcMessage) -> Result<(), Self::Error> {
        self.0.accept_message(id, message).await
    }

    async fn create_standalone_stream(
        &self,
        id: &SessionId,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        self.0.create_standalone_stream(id).await
    }

    async fn resume(
        &self,
        id: &SessionId,
        last_event_id: String,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        self.0.resume(id, last_event_id).await
    }
}

fn is_reconnection(message: &ClientJsonRpcMessage) -> bool {
    let JsonRpcMessage::Request(request) = message else {
        return false;
    };
    matches!(&request.request, ClientRequest::CallToolRequest(call) if call.params.name == RECONNECTION)
}
