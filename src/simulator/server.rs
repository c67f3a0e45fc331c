//! The simulated cloud as an HTTP server.

use super::cloud::{Cloud, Outcome, Plain, Sight};
use super::in_memory::Now;
use super::request::RawRequest;
use http_body_util::{BodyExt, Limited};
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::header::{HeaderName, HeaderValue};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::{JoinSet, LocalSet};

/// Larger than any call; a longer body is cut off like a stranger's.
const LONGEST_BODY: usize = 1 << 20;

/// Serves until the caller drops the future; then every connection ends. Returns only where accepting fails for good.
pub async fn serve(listener: TcpListener, cloud: Rc<RefCell<Cloud>>, now: Now) -> io::Result<()> {
    LocalSet::new().run_until(accept(listener, cloud, now)).await
}

async fn accept(listener: TcpListener, cloud: Rc<RefCell<Cloud>>, now: Now) -> io::Result<()> {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) if is_of_one_connection(&error) => continue,
            Err(error) if is_exhaustion(&error) => {
                // Out of file descriptors: serving must go on when some are free again.
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
            Err(error) => return Err(error),
        };
        let (cloud, now) = (cloud.clone(), now.clone());
        connections.spawn_local(async move {
            let service = service_fn(move |request| answer(request, cloud.clone(), now.clone()));
            // An error here is a caller that went away, or a cut that a fault asked for.
            let _ended = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted)
}

fn is_exhaustion(error: &io::Error) -> bool {
    [Some(rustix::io::Errno::MFILE.raw_os_error()), Some(rustix::io::Errno::NFILE.raw_os_error())].contains(&error.raw_os_error())
}

/// Why a connection ends without, or in the middle of, an answer.
#[derive(Debug, thiserror::Error)]
enum Cut {
    #[error("the connection is cut by a fault")]
    ByFault,
    #[error("the request's body cannot be read")]
    Unreadable,
    #[error("the answer cannot be written as HTTP")]
    Unwritable,
}

async fn answer(request: hyper::Request<Incoming>, cloud: Rc<RefCell<Cloud>>, now: Now) -> Result<hyper::Response<Sent>, Cut> {
    let raw = raw(request).await?;
    let Outcome { delay, sight } = cloud.borrow_mut().receive(&raw, now());
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    match sight {
        Sight::Whole(plain) => response(plain, false),
        Sight::Truncated(plain) => response(plain, true),
        Sight::Cut | Sight::Unreachable => Err(Cut::ByFault),
    }
}

async fn raw(request: hyper::Request<Incoming>) -> Result<RawRequest, Cut> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, LONGEST_BODY).collect().await.map_err(|_| Cut::Unreadable)?.to_bytes();
    let header =
        |(name, value): (&HeaderName, &HeaderValue)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned());
    Ok(RawRequest {
        method: head.method.as_str().to_owned(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: head.headers.iter().map(header).collect(),
        body: body.to_vec(),
    })
}

fn response(plain: Plain, truncated: bool) -> Result<hyper::Response<Sent>, Cut> {
    let mut builder = hyper::Response::builder().status(plain.status);
    for (name, value) in &plain.headers {
        builder = builder.header(name, value);
    }
    let mut bytes = Bytes::from(plain.body.bytes().into_owned());
    let length = bytes.len() as u64;
    if truncated {
        bytes.truncate(bytes.len() / 2);
    }
    let end = if truncated { End::Flush } else { End::Whole };
    builder.body(Sent { bytes: Some(bytes), length, end }).map_err(|_| Cut::Unwritable)
}

/// A body that announces its whole length and, where it is truncated, breaks off in the middle.
struct Sent {
    bytes: Option<Bytes>,
    length: u64,
    end: End,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Whole,
    /// hyper throws unsent bytes away on an error: give it a turn to send them first.
    Flush,
    Cut,
}

impl Body for Sent {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        if let Some(bytes) = self.bytes.take() {
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        match self.end {
            End::Whole => Poll::Ready(None),
            End::Flush => {
                self.end = End::Cut;
                context.waker().wake_by_ref();
                Poll::Pending
            }
            End::Cut => Poll::Ready(Some(Err(Cut::ByFault))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none() && self.end == End::Whole
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length)
    }
}
