//! Streams that end only when somebody ends them, and so would hold up a node that shuts down.

use doorward::Body;
use futures::{StreamExt as _, future::Either};
use http::{Method, Request, Response};
use http_body_util::BodyExt as _;

use crate::listen::Shutdown;

/// Whether a request opens such a stream: the standalone stream of the legacy era, or a subscription.
pub(super) fn is_endless<B>(request: &Request<B>) -> bool {
    let subscribes = || request.headers().get("mcp-method").is_some_and(|method| method == "subscriptions/listen");
    request.method() == Method::GET || subscribes()
}

/// The same answer, over when the node drains. Calls go on until their own end.
pub(super) fn until_drained(response: Response<Body>, shutdown: &Shutdown) -> Response<Body> {
    let shutdown = shutdown.clone();
    response.map(|body| {
        let draining = Box::pin(async move { shutdown.draining().await });
        let frames = futures::stream::unfold((body, draining), |(mut body, draining)| async move {
            match futures::future::select(draining, body.frame()).await {
                Either::Left(_) | Either::Right((None | Some(Err(_)), _)) => None,
                Either::Right((Some(Ok(frame)), draining)) => Some((frame, (body, draining))),
            }
        });
        Body::stream(frames.filter_map(|frame| async { frame.into_data().ok() }))
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;

    use super::*;

    #[test]
    fn calls_have_an_end_and_streams_have_none() {
        let request = |method: Method, named: &str| {
            Request::builder().method(method).header("mcp-method", named).body(()).unwrap()
        };
        assert!(is_endless(&request(Method::GET, "x")));
        assert!(is_endless(&request(Method::POST, "subscriptions/listen")));
        assert!(!is_endless(&request(Method::POST, "tools/call")));
    }

    #[tokio::test]
    async fn a_stream_flows_until_the_node_drains() {
        let shutdown = Shutdown::new();
        let (sender, receiver) = tokio::sync::mpsc::channel::<Bytes>(4);
        let chunks =
            futures::stream::unfold(receiver, |mut receiver| async { Some((receiver.recv().await?, receiver)) });
        let mut body = until_drained(Response::new(Body::stream(chunks)), &shutdown).into_body();
        sender.send(Bytes::from_static(b"one")).await.unwrap();
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "one");
        let waiting = tokio::spawn(async move { body.frame().await.is_none() });
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(!waiting.is_finished());
        shutdown.drain();
        assert!(waiting.await.unwrap());
    }
}
