//! The built-in server of `doorward demo`: something small to guard, with nothing to install.
//!
//! It speaks both eras, and offers one tool that anybody may use, one for administrators and one about customers, so
//! that every kind of refusal can be seen. It is an upstream like any other: the guard in front of it is the real one.

mod server;
mod tools;

use std::sync::Arc;

use async_trait::async_trait;
use doorward::upstream::{Frame, Incoming, Link, LinkKey, Outgoing, Shape, Upstream, UpstreamError, UpstreamState};
use doorward_wire::Kind;
use futures::stream;
use http::StatusCode;

use crate::config::{Config, Mistake, Mount};

/// The name of the built-in server.
pub const SERVER: &str = "demo";

/// The rules that the demonstration runs with.
const CONFIGURATION: &str = include_str!("demo.yaml");

/// The configuration of the demonstration, with its server at `/mcp`.
///
/// # Errors
///
/// Never, unless the program was built with a broken demonstration.
pub fn configuration() -> Result<Config, Vec<Mistake>> {
    let (mut config, _) = Config::read(CONFIGURATION, "demo.yaml", std::path::Path::new("."))?;
    config.mount = Mount::Single;
    Ok(config)
}

/// The built-in server as an upstream.
#[derive(Clone, Copy, Debug, Default)]
pub struct DemoServer;

#[async_trait]
impl Upstream for DemoServer {
    async fn link(&self, _: &LinkKey) -> Result<Arc<dyn Link>, UpstreamError> {
        Ok(Arc::new(DemoLink))
    }

    fn state(&self) -> UpstreamState {
        UpstreamState::Ready
    }
}

/// It remembers nothing, so all its links are alike.
#[derive(Debug)]
struct DemoLink;

#[async_trait]
impl Link for DemoLink {
    async fn send(&self, out: Outgoing) -> Result<Incoming, UpstreamError> {
        let (Kind::Request { id, method }, Some(_)) = (out.message().kind(), out.id()) else {
            let frames = Box::pin(stream::empty());
            return Ok(Incoming { status: StatusCode::ACCEPTED, shape: Shape::Accepted, frames });
        };
        let answer = server::answer(out.version(), id, method, out.message());
        let frames = Box::pin(stream::once(async { Ok(Frame::message(answer)) }));
        // As from a process: the status follows from the answer.
        Ok(Incoming { status: StatusCode::OK, shape: Shape::Open, frames })
    }

    async fn listen(&self, _: Option<&str>) -> Result<Incoming, UpstreamError> {
        Err(UpstreamError::NoStream)
    }

    async fn cancel(&self, _: u64) {}

    async fn close(&self) {}

    fn is_alive(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demonstration_is_configured_without_a_mistake() {
        let config = configuration().unwrap();
        assert_eq!(config.mount, Mount::Single);
        assert_eq!(config.servers.keys().map(ToString::to_string).collect::<Vec<_>>(), [SERVER]);
    }
}
