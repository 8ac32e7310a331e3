//! Request bodies with a clock, and answer bodies that say whether they are read.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep_until};

use super::activity::Ticket;

/// The body of a request, ended with an error when the peer sends it too slowly (HD-11).
#[derive(Debug)]
pub struct RequestBody {
    inner: Incoming,
    silence: Duration,
    /// When the whole body must be there.
    end: Instant,
    timer: Option<Pin<Box<Sleep>>>,
}

impl RequestBody {
    pub(super) fn new(inner: Incoming, silence: Duration, whole: Duration) -> Self {
        Self { inner, silence, end: Instant::now() + whole, timer: None }
    }
}

/// Why a request body ended early.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The peer was silent for too long, or took too long in all.
    #[error("the request body did not arrive in time")]
    TooSlow,
    /// The connection broke, or the framing of the body did.
    #[error("the request body broke off")]
    Broken(#[source] hyper::Error),
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        if let Poll::Ready(frame) = Pin::new(&mut this.inner).poll_frame(cx) {
            this.timer = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(BodyError::Broken)));
        }
        let deadline = (Instant::now() + this.silence).min(this.end);
        let timer = this.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Some(Err(BodyError::TooSlow)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// The body of an answer; the connection's [`Activity`](super::activity::Activity) sees when it is not read.
#[derive(Debug)]
pub(super) struct AnswerBody<B> {
    inner: B,
    ticket: Ticket,
}

impl<B> AnswerBody<B> {
    pub(super) fn new(inner: B, ticket: Ticket) -> Self {
        ticket.waits_for_peer();
        Self { inner, ticket }
    }
}

impl<B: Body + Unpin> Body for AnswerBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = &mut *self;
        this.ticket.works();
        let frame = ready!(Pin::new(&mut this.inner).poll_frame(cx));
        this.ticket.waits_for_peer();
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
