//! One `GET`, guarded.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http::header::{ACCEPT, ACCEPT_ENCODING, CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, HOST, USER_AGENT};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_rustls::TlsConnector;
use url::Host;

use crate::address::special_use;
use crate::budget::Budgets;
use crate::network::{Network, SystemNetwork};
use crate::policy::FetchPolicy;
use crate::target::Target;
use crate::{FetchError, PolicyError, tls};

/// Gets documents from addresses that someone else chose.
pub struct Fetcher {
    policy: FetchPolicy,
    network: Arc<dyn Network>,
    tls: TlsConnector,
    budgets: Budgets,
    places: Semaphore,
    start: Instant,
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// The URL, as it was given.
    pub url: &'a str,
    /// Who caused this fetch: its budget is charged.
    pub source: &'a str,
    /// The longest body that is wanted, in bytes; the policy's limit holds too.
    pub max_bytes: usize,
    /// What kind of document it must be.
    pub expect: Expect,
}

/// What kind of document is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// `application/json`, or another type that ends in `+json`.
    Json,
    /// Whatever it is.
    Anything,
}

/// The most addresses of one name that are looked at; with more, the name is refused.
const MAX_ADDRESSES: usize = 32;
/// How long one address may keep us waiting before the next one is tried.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// The most that an answer's head may have, in bytes and in fields.
const MAX_HEAD: usize = 16 * 1024;
const MAX_FIELDS: usize = 64;

/// Addresses that were checked: made by [`Fetcher::check`] alone, and the only thing that is ever
/// connected to.
struct Checked(Vec<SocketAddr>);

impl Fetcher {
    /// A fetcher on the system's network.
    ///
    /// # Errors
    /// See [`PolicyError`].
    pub fn new(policy: FetchPolicy) -> Result<Self, PolicyError> {
        Self::on(policy, Arc::new(SystemNetwork))
    }

    /// A fetcher on a network of the caller's.
    ///
    /// # Errors
    /// See [`PolicyError`].
    pub fn on(policy: FetchPolicy, network: Arc<dyn Network>) -> Result<Self, PolicyError> {
        let limits = [
            ("longest body", policy.max_bytes == 0),
            ("time for a fetch", policy.timeout.is_zero()),
            ("number of fetches at once", policy.max_concurrent == 0),
            ("budget", policy.budget.burst == 0),
        ];
        if let Some((what, _)) = limits.into_iter().find(|(_, nothing)| *nothing) {
            return Err(PolicyError::NoLimit(what));
        }
        Ok(Self {
            tls: tls::connector(policy.ca.as_deref())?,
            budgets: Budgets::new(policy.budget),
            places: Semaphore::new(policy.max_concurrent.min(Semaphore::MAX_PERMITS)),
            start: Instant::now(),
            policy,
            network,
        })
    }

    /// The body of a `GET` that was answered with 200.
    ///
    /// # Errors
    /// See [`FetchError`]. With [`FetchError::Refused`] and [`FetchError::TooOften`] nothing was
    /// sent to anyone.
    pub async fn get(&self, ask: &Ask<'_>) -> Result<Bytes, FetchError> {
        let target = Target::parse(ask.url, &self.policy.allow)?;
        self.budgets
            .take(ask.source, self.start.elapsed())
            .map_err(|retry_after| FetchError::TooOften { retry_after })?;
        // One limit over everything: look-up, connection, TLS, head and body (CI-05).
        match tokio::time::timeout(self.policy.timeout, self.fetch(&target, ask)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(FetchError::TimedOut(self.policy.timeout)),
        }
    }

    async fn fetch(&self, target: &Target, ask: &Ask<'_>) -> Result<Bytes, FetchError> {
        let _place = self.places.acquire().await.map_err(|error| unreachable(&error))?;
        let checked = self.check(target).await?;
        let stream = self.connect(&checked).await?;
        let limit = ask.max_bytes.min(self.policy.max_bytes);
        if target.is_tls() {
            let name = server_name(target.host())?;
            let stream = self.tls.connect(name, stream).await.map_err(|error| unreachable(&error))?;
            exchange(stream, target, ask.expect, limit).await
        } else {
            exchange(stream, target, ask.expect, limit).await
        }
    }

    /// Looks the name up once and checks every address that it has: one that is not public refuses
    /// the name, whatever the others are (CI-02).
    async fn check(&self, target: &Target) -> Result<Checked, FetchError> {
        let addresses: Vec<IpAddr> = match target.host() {
            Host::Ipv4(address) => vec![(*address).into()],
            Host::Ipv6(address) => vec![(*address).into()],
            Host::Domain(name) => self.network.resolve(name).await.map_err(|error| unreachable(&error))?,
        };
        if addresses.is_empty() || addresses.len() > MAX_ADDRESSES {
            return Err(FetchError::Unreachable(format!("the name has {} addresses", addresses.len())));
        }
        if !target.is_allowed()
            && let Some((address, use_)) = addresses.iter().find_map(|ip| Some((ip, special_use(*ip)?)))
        {
            return Err(FetchError::Refused(format!(
                "`{}` has the address {address} ({use_}), which is not public: add it to `fetch.allow` if it is meant",
                target.host()
            )));
        }
        Ok(Checked(addresses.into_iter().map(|ip| SocketAddr::new(ip, target.port())).collect()))
    }

    async fn connect(&self, checked: &Checked) -> Result<TcpStream, FetchError> {
        let mut failure = FetchError::Unreachable("the name has no address".to_owned());
        for address in &checked.0 {
            match tokio::time::timeout(CONNECT_TIMEOUT, self.network.connect(*address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => failure = unreachable(&error),
                Err(_) => failure = FetchError::Unreachable("nobody answered".to_owned()),
            }
        }
        Err(failure)
    }
}

impl fmt::Debug for Fetcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetcher").field("policy", &self.policy).finish_non_exhaustive()
    }
}

fn server_name(host: &Host<String>) -> Result<ServerName<'static>, FetchError> {
    match host {
        Host::Domain(name) => ServerName::try_from(name.clone())
            .map_err(|_| FetchError::Refused("the URL's host is not a name that a certificate can have".to_owned())),
        Host::Ipv4(address) => Ok(ServerName::from(IpAddr::from(*address))),
        Host::Ipv6(address) => Ok(ServerName::from(IpAddr::from(*address))),
    }
}

/// Sends the request and reads the answer, on a connection that is used for nothing else.
async fn exchange<S>(stream: S, target: &Target, expect: Expect, limit: usize) -> Result<Bytes, FetchError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(MAX_HEAD)
        .max_headers(MAX_FIELDS)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| unreachable(&error))?;
    let request = Request::get(target.path_and_query())
        .header(HOST, target.authority())
        .header(ACCEPT, "application/json")
        .header(ACCEPT_ENCODING, "identity")
        .header(USER_AGENT, concat!("doorward/", env!("CARGO_PKG_VERSION")))
        .header(CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .map_err(|_| FetchError::Refused("the URL can't be asked for".to_owned()))?;
    let mut answer = pin!(async move {
        let response = sender.send_request(request).await.map_err(|error| unreachable(&error))?;
        read(response, expect, limit).await
    });
    // The connection is driven here and not in a task of its own, so that nothing outlives the
    // fetch. When it is done first, what it has read is still to be taken.
    let mut connection = pin!(connection);
    let mut open = true;
    loop {
        tokio::select! {
            biased;
            outcome = &mut answer => return outcome,
            _ = &mut connection, if open => open = false,
        }
    }
}

async fn read(response: Response<Incoming>, expect: Expect, limit: usize) -> Result<Bytes, FetchError> {
    if response.status() != StatusCode::OK {
        return Err(FetchError::Status(response.status().as_u16()));
    }
    check_head(response.headers(), expect)?;
    let mut body = response.into_body();
    if body.size_hint().lower() > limit as u64 {
        return Err(FetchError::TooLarge(limit));
    }
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| unreachable(&error))?;
        if let Some(data) = frame.data_ref() {
            if data.len() > limit.saturating_sub(bytes.len()) {
                return Err(FetchError::TooLarge(limit));
            }
            bytes.extend_from_slice(data);
        }
    }
    Ok(bytes.freeze())
}

fn check_head(headers: &HeaderMap, expect: Expect) -> Result<(), FetchError> {
    let unusable = |what: &str| Err(FetchError::Unusable(what.to_owned()));
    // Encodings were not asked for: what unpacks small could unpack large.
    if headers.get_all(CONTENT_ENCODING).iter().any(|value| !value.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return unusable("it is encoded");
    }
    if expect == Expect::Anything {
        return Ok(());
    }
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let (Some(value), None) = (types.next(), types.next()) else {
        return unusable("it does not say what kind of document it is");
    };
    let kind = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_json = kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"));
    if is_json { Ok(()) } else { unusable("it is not JSON") }
}

fn unreachable(error: &dyn std::error::Error) -> FetchError {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    FetchError::Unreachable(text.chars().filter(|character| !character.is_control()).take(300).collect())
}
