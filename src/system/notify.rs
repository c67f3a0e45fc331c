//! Tells the service manager how we are (sd_notify(3)): ready, status, alive, reloading, stopping.

use super::environment::Environment;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// The service manager's ear; silent where nobody listens (`NOTIFY_SOCKET` unset).
#[derive(Debug, Default)]
pub struct Notify {
    manager: Option<(UnixDatagram, SocketAddr)>,
    watchdog: Option<Duration>,
}

#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    /// `NOTIFY_SOCKET` is neither an absolute path nor an abstract name.
    #[error("NOTIFY_SOCKET names `{0}`, which is no socket that cgwd can use")]
    Address(String),
    #[error("could not tell the service manager")]
    Send(#[source] io::Error),
}

impl Notify {
    /// From `NOTIFY_SOCKET` (a path, or `@name` for an abstract socket), `WATCHDOG_USEC` and `WATCHDOG_PID`.
    pub fn from_environment(environment: &Environment) -> Result<Notify, NotifyError> {
        let Some(name) = environment.var("NOTIFY_SOCKET") else { return Ok(Notify::default()) };
        let address = match name.as_bytes() {
            [b'@', rest @ ..] => SocketAddr::from_abstract_name(rest),
            [b'/', ..] => SocketAddr::from_pathname(name),
            _ => return Err(NotifyError::Address(name.to_owned())),
        };
        let address = address.map_err(|_| NotifyError::Address(name.to_owned()))?;
        let socket = UnixDatagram::unbound().map_err(NotifyError::Send)?;
        // A manager that does not read must not stop us.
        socket.set_nonblocking(true).map_err(NotifyError::Send)?;
        Ok(Notify { manager: Some((socket, address)), watchdog: watchdog(environment) })
    }

    pub fn ready(&self, status: &str) -> Result<(), NotifyError> {
        self.send(&format!("READY=1\nSTATUS={}\n", one_line(status)))
    }

    /// One line for `systemctl status`.
    pub fn status(&self, status: &str) -> Result<(), NotifyError> {
        self.send(&format!("STATUS={}\n", one_line(status)))
    }

    /// We are alive. To be sent by the loop itself, never by a timer that would outlive a stuck loop.
    pub fn alive(&self) -> Result<(), NotifyError> {
        self.send("WATCHDOG=1\n")
    }

    /// A reload begins; [`Notify::ready`] ends it (`Type=notify-reload` wants both, with the time of the first).
    pub fn reloading(&self) -> Result<(), NotifyError> {
        let now = Duration::try_from(rustix::time::clock_gettime(rustix::time::ClockId::Monotonic)).unwrap_or_default();
        self.send(&format!("RELOADING=1\nMONOTONIC_USEC={}\nSTATUS=reading the configuration\n", now.as_micros()))
    }

    pub fn stopping(&self, status: &str) -> Result<(), NotifyError> {
        self.send(&format!("STOPPING=1\nSTATUS={}\n", one_line(status)))
    }

    /// How often to say that we are [`alive`](Notify::alive): half the time after which the manager gives us up, as
    /// sd_watchdog_enabled(3) advises. `None` where no watchdog waits.
    pub fn watchdog_interval(&self) -> Option<Duration> {
        self.watchdog
    }

    fn send(&self, message: &str) -> Result<(), NotifyError> {
        let Some((socket, address)) = &self.manager else { return Ok(()) };
        socket.send_to_addr(message.as_bytes(), address).map_err(NotifyError::Send)?;
        Ok(())
    }
}

fn watchdog(environment: &Environment) -> Option<Duration> {
    if environment.var("WATCHDOG_PID").is_some_and(|pid| pid != std::process::id().to_string()) {
        return None;
    }
    let micros: u64 = environment.var("WATCHDOG_USEC")?.parse().ok()?;
    (micros > 0).then(|| Duration::from_micros(micros) / 2)
}

/// A line break would begin another variable.
fn one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}
