//! A file descriptor that announces things, opened again with back-off when it dies.

use super::Wake;
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::time::{Instant, sleep_until};

const FIRST_RETRY: Duration = Duration::from_secs(1);
/// While nothing is announced this is also how often we look, so it stays short.
const LONGEST_RETRY: Duration = Duration::from_secs(30);

/// One kind of announcements.
pub trait Announcements {
    /// A non-blocking descriptor that is already listening.
    fn open(&mut self) -> io::Result<OwnedFd>;

    /// Reads what is queued. An error means that this descriptor will announce nothing more.
    fn drain(&mut self, descriptor: &OwnedFd) -> io::Result<Drained>;

    /// What stops being noticed at once when this fails, for an operator.
    const NAME: &'static str;
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drained {
    /// Something that concerns us was among it.
    pub relevant: bool,
    /// Announcements were lost.
    pub overrun: bool,
    /// There may be more: the descriptor was not read to its end.
    pub more: bool,
}

pub struct Feed<A> {
    /// `None`: there is nothing to listen to.
    announcements: Option<A>,
    state: State,
}

enum State {
    Open(AsyncFd<OwnedFd>),
    Broken { reason: String, told: bool, wait: Duration, retry_at: Instant },
}

impl<A: Announcements> Feed<A> {
    pub fn new(mut announcements: Option<A>) -> Feed<A> {
        let state = match &mut announcements {
            Some(announcements) => open(announcements).map_or_else(|error| broken::<A>(&error), State::Open),
            None => broken::<A>(&io::Error::other("there is nothing to listen to")),
        };
        Feed { announcements, state }
    }

    /// Cancel-safe: nothing is taken from the descriptor before the last await.
    pub async fn next(&mut self) -> Wake {
        let Some(announcements) = &mut self.announcements else { return std::future::pending().await };
        loop {
            match &mut self.state {
                State::Open(descriptor) => match drained(announcements, descriptor).await {
                    Ok(drained) if drained.overrun => return Wake::Overrun,
                    Ok(drained) if drained.relevant => return Wake::Changed,
                    Ok(_) => {}
                    Err(error) => self.state = broken::<A>(&error),
                },
                State::Broken { reason, told: told @ false, .. } => {
                    *told = true;
                    return Wake::Degraded(reason.clone());
                }
                State::Broken { wait, retry_at, .. } => {
                    sleep_until(*retry_at).await;
                    if let Ok(descriptor) = open(announcements) {
                        self.state = State::Open(descriptor);
                        return Wake::Restored;
                    }
                    // The reason was told with `Degraded`; that it still fails is what `Poll` says.
                    *wait = (*wait * 2).min(LONGEST_RETRY);
                    *retry_at = Instant::now() + *wait;
                    return Wake::Poll;
                }
            }
        }
    }
}

// Its successor `register` is unsafe, because an object could close or swap its descriptor; an `OwnedFd` can't.
#[allow(deprecated)]
fn open<A: Announcements>(announcements: &mut A) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::with_interest(announcements.open()?, Interest::READABLE)
}

fn broken<A: Announcements>(error: &io::Error) -> State {
    let reason = format!("{} are not announced, so they are looked for every few seconds: {error}", A::NAME);
    State::Broken { reason, told: false, wait: FIRST_RETRY, retry_at: Instant::now() + FIRST_RETRY }
}

async fn drained<A: Announcements>(announcements: &mut A, descriptor: &AsyncFd<OwnedFd>) -> io::Result<Drained> {
    let mut ready = descriptor.readable().await?;
    let drained = announcements.drain(descriptor.get_ref())?;
    if !drained.more {
        ready.clear_ready();
    }
    Ok(drained)
}
