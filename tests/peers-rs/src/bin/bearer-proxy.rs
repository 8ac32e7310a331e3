//! A proxy that adds a bearer token to every request and changes nothing else.

use std::{net::SocketAddr, path::PathBuf};

use clap::Parser;
use doorward_test_peers::{
    proxy::{Proxy, Token},
    serve,
};
use http::{Uri, uri::Scheme};
use hyper::service::service_fn;

/// Adds `Authorization: Bearer TOKEN` to every request on its way to TARGET.
#[derive(Parser)]
struct Command {
    /// Listen on this address; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// The server, as `http://HOST:PORT/PATH`
    #[arg(long, value_name = "URL")]
    target: Uri,
    /// Read the token from this file, anew for each request
    #[arg(long, value_name = "FILE", required_unless_present = "token", conflicts_with = "token")]
    token_file: Option<PathBuf>,
    /// The token; rather than on the command line, give it in the environment
    #[arg(long, env = "DOORWARD_TOKEN", hide_env_values = true)]
    token: Option<String>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let options = Command::parse();
    if options.target.scheme() != Some(&Scheme::HTTP) {
        return Err("the target must be a whole `http://` URL".into());
    }
    let target = options.target.authority().cloned().ok_or("the target names no host")?;
    let token = match (options.token_file, options.token) {
        (Some(file), _) => Token::File(file),
        (None, token) => Token::Value(token.unwrap_or_default()),
    };
    let listener = serve::listen(options.listen, options.target.path()).await?;
    let proxy = Proxy::new(listener.local_addr()?, target, token);
    serve::forever(listener, service_fn(move |request| proxy.clone().forward(request))).await;
    Ok(())
}
