//! The signals that cgwd answers to, as one stream.

use std::io;
use tokio::signal::unix::{Signal as Source, SignalKind, signal};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGHUP: read the configuration again.
    Reload,
    /// SIGTERM: the service manager wants us to end.
    Terminate,
    /// SIGINT: a person wants us to end.
    Interrupt,
}

pub struct Signals {
    hangup: Source,
    terminate: Source,
    interrupt: Source,
}

impl Signals {
    /// From now on these signals no longer end the process. Needs a running tokio runtime with its I/O driver.
    pub fn listen() -> io::Result<Signals> {
        Ok(Signals {
            hangup: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// The next one; several of one kind that come before it is asked for are one. Cancel-safe.
    pub async fn next(&mut self) -> Signal {
        tokio::select! {
            // An order to end must not wait behind reloads.
            biased;
            Some(()) = self.terminate.recv() => Signal::Terminate,
            Some(()) = self.interrupt.recv() => Signal::Interrupt,
            Some(()) = self.hangup.recv() => Signal::Reload,
            // A source ends only with the runtime that would poll us.
            else => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::{Signal as Number, getpid, kill_process};

    #[tokio::test]
    async fn each_signal_arrives_by_name_and_an_order_to_end_comes_first() {
        let mut signals = Signals::listen().unwrap();
        for (number, name) in [(Number::HUP, Signal::Reload), (Number::TERM, Signal::Terminate), (Number::INT, Signal::Interrupt)] {
            kill_process(getpid(), number).unwrap();
            assert_eq!(signals.next().await, name);
        }
        kill_process(getpid(), Number::HUP).unwrap();
        kill_process(getpid(), Number::TERM).unwrap();
        // Let the runtime see both before the first is asked for.
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        assert_eq!(signals.next().await, Signal::Terminate);
        assert_eq!(signals.next().await, Signal::Reload);
    }
}
