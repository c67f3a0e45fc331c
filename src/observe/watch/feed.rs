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

    /// Whether it should announce something and can't.
    pub fn is_silent(&self) -> bool {
        self.announcements.is_some() && matches!(self.state, State::Broken { .. })
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use rustix::io::{Errno, read, write};
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
    use std::cell::RefCell;
    use std::rc::Rc;

    /// Announcements written by the test: `c` concerns us, `n` does not, `o` is an overrun, the end kills it.
    struct Scripted {
        /// For each attempt to open.
        attempts: Rc<RefCell<Vec<io::Result<OwnedFd>>>>,
    }

    impl Announcements for Scripted {
        const NAME: &'static str = "scripted changes";

        fn open(&mut self) -> io::Result<OwnedFd> {
            self.attempts.borrow_mut().remove(0)
        }

        fn drain(&mut self, descriptor: &OwnedFd) -> io::Result<Drained> {
            let mut drained = Drained::default();
            let mut byte = [0];
            loop {
                match read(descriptor, &mut byte) {
                    Ok(0) => return Err(io::Error::other("closed")),
                    Ok(_) => match byte[0] {
                        b'c' => drained.relevant = true,
                        b'o' => drained.overrun = true,
                        _ => {}
                    },
                    Err(Errno::AGAIN) => return Ok(drained),
                    Err(errno) => return Err(errno.into()),
                }
            }
        }
    }

    fn pair() -> (OwnedFd, OwnedFd) {
        socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::NONBLOCK, None).unwrap()
    }

    fn denied() -> io::Result<OwnedFd> {
        Err(Errno::PERM.into())
    }

    fn feed(attempts: Vec<io::Result<OwnedFd>>) -> Feed<Scripted> {
        Feed::new(Some(Scripted { attempts: Rc::new(RefCell::new(attempts)) }))
    }

    async fn is_quiet(feed: &mut Feed<Scripted>) -> bool {
        tokio::time::timeout(Duration::from_millis(200), feed.next()).await.is_err()
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_one_wake_and_what_does_not_concern_us_is_none() {
        let (ours, theirs) = pair();
        let mut feed = feed(vec![Ok(ours)]);
        write(&theirs, b"ncncc").unwrap();
        assert_eq!(feed.next().await, Wake::Changed);
        assert!(is_quiet(&mut feed).await);
        write(&theirs, b"nn").unwrap();
        assert!(is_quiet(&mut feed).await);
        write(&theirs, b"co").unwrap();
        assert_eq!(feed.next().await, Wake::Overrun);
    }

    #[tokio::test(start_paused = true)]
    async fn dropping_the_wait_loses_no_wake() {
        let (ours, theirs) = pair();
        let mut feed = feed(vec![Ok(ours)]);
        assert!(is_quiet(&mut feed).await);
        write(&theirs, b"c").unwrap();
        assert_eq!(feed.next().await, Wake::Changed);
    }

    #[tokio::test(start_paused = true)]
    async fn a_dead_socket_is_told_once_polled_for_and_opened_again() {
        let (ours, theirs) = pair();
        let (again, their_again) = pair();
        let mut feed = feed(vec![Ok(ours), denied(), denied(), Ok(again)]);
        drop(theirs);
        let Wake::Degraded(reason) = feed.next().await else { panic!("a dead socket went unnoticed") };
        assert!(reason.contains("scripted changes are not announced") && reason.contains("closed"), "{reason}");
        let started = Instant::now();
        assert_eq!(feed.next().await, Wake::Poll);
        assert_eq!(feed.next().await, Wake::Poll);
        assert!(feed.is_silent());
        assert_eq!(feed.next().await, Wake::Restored);
        assert!(!feed.is_silent());
        assert_eq!(started.elapsed().as_secs(), 1 + 2 + 4);
        write(&their_again, b"c").unwrap();
        assert_eq!(feed.next().await, Wake::Changed);
    }

    #[tokio::test(start_paused = true)]
    async fn a_denied_socket_keeps_us_looking() {
        let mut feed = feed((0..100).map(|_| denied()).collect());
        assert!(matches!(feed.next().await, Wake::Degraded(reason) if reason.contains("not permitted")));
        let started = Instant::now();
        for _ in 0..20 {
            let before = Instant::now();
            assert_eq!(feed.next().await, Wake::Poll);
            assert!(before.elapsed() <= LONGEST_RETRY);
        }
        assert!(started.elapsed() > LONGEST_RETRY * 10, "it must not be tried without end");
    }

    #[tokio::test(start_paused = true)]
    async fn with_nothing_to_listen_to_it_is_quiet_for_ever() {
        let mut feed: Feed<Scripted> = Feed::new(None);
        assert!(!feed.is_silent());
        assert!(tokio::time::timeout(Duration::from_secs(1_000_000), feed.next()).await.is_err());
    }
}
