//! An MCP server with every feature that the official conformance suite asks
//! for, over Streamable HTTP or stdio.

use std::{net::SocketAddr, sync::Arc};

use clap::Parser;
use doorward_test_peers::{
    everything::{CuttingSessions, Everything, Shared},
    serve::{self, Transport},
};
use hyper_util::service::TowerToHyperService;
use rmcp::{
    serve_server,
    service::ServerInitializeError,
    transport::{
        StreamableHttpServerConfig, StreamableHttpService, stdio,
        streamable_http_server::{SessionManager, session::local::LocalSessionManager},
    },
};

/// Offers every feature of MCP, in both protocol eras.
#[derive(Parser)]
struct Command {
    #[command(flatten)]
    transport: Transport,
    /// Over HTTP, end the stream that answers `test_reconnection` before the answer
    #[arg(long, conflicts_with = "stdio")]
    cut_streams: bool,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let options = Command::parse();
    let shared = Arc::new(Shared::default());
    match options.transport.http {
        Some(address) if options.cut_streams => http(address, shared, CuttingSessions::default()).await,
        Some(address) => http(address, shared, LocalSessionManager::default()).await,
        None => match serve_server(Everything::new(shared), stdio()).await {
            Ok(running) => {
                running.waiting().await?;
                Ok(())
            }
            // A client that leaves before it said anything is no mistake.
            Err(ServerInitializeError::ConnectionClosed(_)) => Ok(()),
            Err(error) => Err(error.into()),
        },
    }
}

async fn http(
    address: SocketAddr,
    shared: Arc<Shared>,
    sessions: impl SessionManager,
) -> Result<(), Box<dyn std::error::Error>> {
    let listener = serve::listen(address, "/mcp").await?;
    // As a careful server would: a page elsewhere must not reach it (DNS rebinding).
    let config =
        StreamableHttpServerConfig::default().with_allowed_origins(["http://localhost:*", "http://127.0.0.1:*"]);
    let service =
        StreamableHttpService::new(move || Ok(Everything::new(Arc::clone(&shared))), Arc::new(sessions), config);
    serve::forever(listener, TowerToHyperService::new(service)).await;
    Ok(())
}
