//! Wakes the loop at a time since boot, with a timer of the kernel's.
//!
//! tokio's own timer would do it in up to three wake-ups, because its wheel is as coarse as the wait is long, and by a clock
//! that stands still while the machine sleeps. On a small device that idles, the wake-ups are all that it does.

use super::wake::since_boot;
use rustix::io::{Errno, read};
use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime};
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

#[derive(Debug)]
pub struct Alarm {
    timer: AsyncFd<OwnedFd>,
}

impl Alarm {
    /// To be called inside a tokio runtime.
    ///
    /// # Errors
    /// Where the process or the machine has no file descriptor left.
    pub fn new() -> io::Result<Alarm> {
        let timer = timerfd_create(TimerfdClockId::Boottime, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        Ok(Alarm { timer: listening(timer)? })
    }

    /// Waits until this time since boot; at once where it is past. Cancel-safe: each call sets the timer anew.
    pub async fn until(&self, at: Duration) {
        if let Err(error) = self.wait(at).await {
            // A timer that was made and then refuses is no reason to stop watching.
            tracing::debug!(%error, "the kernel's timer cannot be used");
            tokio::time::sleep(at.saturating_sub(since_boot())).await;
        }
    }

    async fn wait(&self, at: Duration) -> io::Result<()> {
        timerfd_settime(self.timer.get_ref(), TimerfdTimerFlags::ABSTIME, &once(at)?)?;
        while since_boot() < at {
            let mut ready = self.timer.readable().await?;
            // An expiry of an earlier setting may be what is ready.
            match read(self.timer.get_ref(), &mut [0; 8]) {
                Ok(_) | Err(Errno::AGAIN) => ready.clear_ready(),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(())
    }
}

// Its successor `register` is unsafe, because an object could close or swap its descriptor; an `OwnedFd` can't.
#[allow(deprecated)]
fn listening(timer: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::with_interest(timer, Interest::READABLE)
}

/// No interval. Zero would mean never, so the earliest time is one nanosecond after the boot.
fn once(at: Duration) -> io::Result<Itimerspec> {
    let it_value = Timespec::try_from(at.max(Duration::from_nanos(1))).map_err(io::Error::other)?;
    Ok(Itimerspec { it_interval: Timespec::default(), it_value })
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn waited(alarm: &Alarm, wait: Duration) -> Duration {
        let started = since_boot();
        alarm.until(started + wait).await;
        since_boot() - started
    }

    #[tokio::test]
    async fn wakes_at_its_time_and_never_before() {
        let alarm = Alarm::new().unwrap();
        for wait in [Duration::from_millis(50), Duration::ZERO, Duration::from_millis(20)] {
            let took = waited(&alarm, wait).await;
            assert!(took >= wait && took < wait + Duration::from_secs(5), "{took:?} instead of {wait:?}");
        }
        alarm.until(Duration::ZERO).await;
    }

    #[tokio::test]
    async fn a_dropped_wait_leaves_nothing_behind() {
        let alarm = Alarm::new().unwrap();
        let far = since_boot() + Duration::from_secs(3600);
        assert!(tokio::time::timeout(Duration::from_millis(20), alarm.until(far)).await.is_err());
        assert!(tokio::time::timeout(Duration::from_millis(20), alarm.until(since_boot() + Duration::from_millis(10))).await.is_ok());
        tokio::time::sleep(Duration::from_millis(20)).await;
        let took = waited(&alarm, Duration::from_millis(50)).await;
        assert!(took >= Duration::from_millis(50), "the earlier setting woke it after {took:?}");
    }
}
