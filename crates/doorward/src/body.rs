//! The body of every answer: whole, empty, or a stream that is never buffered.

use std::error::Error as StdError;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};

/// An HTTP body with its type erased.
///
/// The error is only ever that of an upstream whose connection broke; bodies made here don't fail.
pub struct Body(UnsyncBoxBody<Bytes, BodyError>);

/// A body that broke off.
pub type BodyError = Box<dyn StdError + Send + Sync>;

impl Body {
    /// Nothing.
    #[must_use]
    pub fn empty() -> Self {
        Self::full(Bytes::new())
    }

    /// All of it at once.
    #[must_use]
    pub fn full(bytes: impl Into<Bytes>) -> Self {
        Self(Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync())
    }

    /// Chunks as they come.
    pub fn stream<S>(chunks: S) -> Self
    where
        S: futures::Stream<Item = Bytes> + Send + 'static,
    {
        use futures::StreamExt;
        let frames = chunks.map(|chunk| Ok::<_, BodyError>(Frame::data(chunk)));
        Self(BodyExt::boxed_unsync(http_body_util::StreamBody::new(frames)))
    }

    /// The body of an answer that a tower service gave.
    pub fn from_upstream<B>(body: B) -> Self
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BodyError>,
    {
        Self(body.map_err(Into::into).boxed_unsync())
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::full(bytes)
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        Pin::new(&mut self.0).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Body")
    }
}
