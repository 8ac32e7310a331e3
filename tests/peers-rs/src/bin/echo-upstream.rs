//! A cheap MCP server that shows what it received, and misbehaves on request.

use clap::Parser;
use doorward_test_peers::{
    echo,
    serve::{self, Transport},
};

/// Echoes, reflects, takes its time, asks; and misbehaves if told to.
#[derive(Parser)]
struct Command {
    #[command(flatten)]
    transport: Transport,
    #[command(flatten)]
    behaviour: echo::Options,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let options = Command::parse();
    let server = echo::Server::new(options.behaviour)?;
    match options.transport.http {
        Some(address) => {
            let listener = serve::listen(address, "/mcp").await?;
            echo::serve_http(listener, server).await;
        }
        None => {
            echo::serve_stdio(server).await?;
            // Standard input is read on a thread that outlives its last line.
            std::process::exit(0);
        }
    }
    Ok(())
}
