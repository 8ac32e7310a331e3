//! A proxy that adds a bearer token to every request and changes nothing else.
//!
//! The conformance suite has no option for a header. Run against this proxy,
//! it reaches a server that demands a token, and everything else (methods,
//! headers, bodies, the pace of streams) stays as the suite sent it. The
//! proxy's own name in `Host` and `Origin` becomes the target's; a foreign
//! name stays, since the suite sends some to see them refused.

use std::{
    convert::Infallible,
    net::SocketAddr,
    path::PathBuf,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Uri,
    header::{AUTHORIZATION, HOST, ORIGIN},
    uri::{Authority, PathAndQuery},
};
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};

/// Where the token comes from, anew for each request.
#[derive(Debug, Clone)]
pub enum Token {
    /// A file; white space around the token is dropped.
    File(PathBuf),
    /// The token itself.
    Value(String),
}

impl Token {
    fn header(&self) -> Result<HeaderValue, String> {
        let token = match self {
            Self::File(path) => {
                std::fs::read_to_string(path).map_err(|error| format!("no token in `{}`: {error}", path.display()))?
            }
            Self::Value(token) => token.clone(),
        };
        let mut value = HeaderValue::try_from(format!("Bearer {}", token.trim()))
            .map_err(|_| "the token doesn't fit in a header".to_owned())?;
        value.set_sensitive(true);
        Ok(value)
    }
}

/// One proxy in front of one server.
#[derive(Debug, Clone)]
pub struct Proxy(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    names: Names,
    token: Token,
    client: Client<HttpConnector, Incoming>,
}

impl Proxy {
    /// A proxy that listens on `own` and sends to `target`, over plain HTTP.
    #[must_use]
    pub fn new(own: SocketAddr, target: Authority, token: Token) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new()).build(connector);
        let names = Names { own, target };
        Self(Arc::new(Inner { names, token, client }))
    }

    /// Passes one request on, and its answer back.
    pub async fn forward(self, mut request: Request<Incoming>) -> Result<Response<Relayed>, Infallible> {
        let inner = &*self.0;
        let token = match inner.token.header() {
            Ok(token) => token,
            Err(error) => return Ok(failed(&error)),
        };
        request.headers_mut().insert(AUTHORIZATION, token);
        inner.names.map(request.headers_mut());
        let path = request.uri().path_and_query().cloned();
        *request.uri_mut() = inner.names.address(path);
        match inner.client.request(request).await {
            Ok(response) => Ok(response.map(Relayed::Upstream)),
            Err(error) => Ok(failed(&format!("`{}` didn't answer: {error}", inner.names.target))),
        }
    }
}

fn failed(why: &str) -> Response<Relayed> {
    let mut response = Response::new(Relayed::Own(Full::new(Bytes::from(format!("{why}\n")))));
    *response.status_mut() = StatusCode::BAD_GATEWAY;
    response
}

/// The proxy's names and the target's.
#[derive(Debug)]
struct Names {
    own: SocketAddr,
    target: Authority,
}

impl Names {
    fn address(&self, path: Option<PathAndQuery>) -> Uri {
        let path = path.unwrap_or_else(|| PathAndQuery::from_static("/"));
        let address = Uri::builder().scheme("http").authority(self.target.clone());
        address.path_and_query(path).build().unwrap_or_default()
    }

    fn map(&self, headers: &mut HeaderMap) {
        self.map_one(headers, HOST, "");
        self.map_one(headers, ORIGIN, "http://");
    }

    fn map_one(&self, headers: &mut HeaderMap, name: HeaderName, scheme: &str) {
        let ours = headers
            .get(&name)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix(scheme))
            .is_some_and(|authority| self.is_own(authority));
        if ours && let Ok(value) = HeaderValue::try_from(format!("{scheme}{}", self.target)) {
            headers.insert(name, value);
        }
    }

    fn is_own(&self, authority: &str) -> bool {
        let Some((host, port)) = authority.rsplit_once(':') else {
            return false;
        };
        let ours = [self.own.ip().to_string(), "localhost".into(), "127.0.0.1".into(), "[::1]".into()];
        port == self.own.port().to_string() && ours.iter().any(|own| own == host)
    }
}

/// The target's body as it comes, or one of the proxy's own.
#[derive(Debug)]
pub enum Relayed {
    /// From the target, frame by frame.
    Upstream(Incoming),
    /// An error of the proxy.
    Own(Full<Bytes>),
}

impl Body for Relayed {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self.get_mut() {
            Self::Upstream(body) => Pin::new(body).poll_frame(context),
            Self::Own(body) => Pin::new(body).poll_frame(context).map_err(|never| match never {}),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Upstream(body) => body.is_end_stream(),
            Self::Own(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Upstream(body) => body.size_hint(),
            Self::Own(body) => body.size_hint(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapped(name: HeaderName, value: &str) -> String {
        let names = Names { own: ([127, 0, 0, 1], 4000).into(), target: Authority::from_static("127.0.0.1:5000") };
        let mut headers = HeaderMap::new();
        headers.insert(&name, value.parse().unwrap());
        names.map(&mut headers);
        headers[name].to_str().unwrap().to_owned()
    }

    #[test]
    fn its_own_name_becomes_the_targets() {
        assert_eq!(mapped(HOST, "127.0.0.1:4000"), "127.0.0.1:5000");
        assert_eq!(mapped(HOST, "localhost:4000"), "127.0.0.1:5000");
        assert_eq!(mapped(ORIGIN, "http://localhost:4000"), "http://127.0.0.1:5000");
    }

    #[test]
    fn a_foreign_name_stays() {
        for foreign in ["evil.example", "evil.example:4000", "localhost:4001", "localhost"] {
            assert_eq!(mapped(HOST, foreign), foreign);
        }
        assert_eq!(mapped(ORIGIN, "http://evil.example"), "http://evil.example");
        assert_eq!(mapped(ORIGIN, "https://localhost:4000"), "https://localhost:4000");
        assert_eq!(mapped(ORIGIN, "null"), "null");
    }

    #[test]
    fn the_token_is_trimmed_and_hidden() {
        let header = Token::Value(" secret\n".into()).header().unwrap();
        assert_eq!(header, "Bearer secret");
        assert!(!format!("{header:?}").contains("secret"));
    }
}
