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

#[cfg(test)]
mod tests {
    use super::super::scratch::Scratch;
    use super::*;

    fn manager(scratch: &Scratch) -> (UnixDatagram, Environment) {
        let path = scratch.join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        manager.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        (manager, Environment::from_iter([("NOTIFY_SOCKET", path.to_str().unwrap())]))
    }

    fn heard(manager: &UnixDatagram) -> String {
        let mut bytes = [0; 4096];
        let length = manager.recv(&mut bytes).expect("a message arrives");
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    }

    #[test]
    fn the_manager_hears_each_state() {
        let scratch = Scratch::new();
        let (manager, environment) = manager(&scratch);
        let notify = Notify::from_environment(&environment).unwrap();
        notify.ready("in sync").unwrap();
        assert_eq!(heard(&manager), "READY=1\nSTATUS=in sync\n");
        notify.status("two\nREADY=0 lines").unwrap();
        assert_eq!(heard(&manager), "STATUS=two READY=0 lines\n");
        notify.alive().unwrap();
        assert_eq!(heard(&manager), "WATCHDOG=1\n");
        notify.stopping("bye").unwrap();
        assert_eq!(heard(&manager), "STOPPING=1\nSTATUS=bye\n");
        let before = super::super::wake::Instants::now(crate::model::Timestamp::UNIX_EPOCH).monotonic.as_micros();
        notify.reloading().unwrap();
        let reloading = heard(&manager);
        let micros = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").and_then(|rest| rest.split_once('\n')).unwrap().0;
        let micros: u128 = micros.parse().unwrap();
        assert!((before..before + 60_000_000).contains(&micros));
    }

    #[test]
    fn an_abstract_socket_is_heard_too() {
        let name = format!("cgwd-test-{}", std::process::id());
        let manager = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        let environment = Environment::from_iter([("NOTIFY_SOCKET", format!("@{name}"))]);
        Notify::from_environment(&environment).unwrap().alive().unwrap();
        assert_eq!(heard(&manager), "WATCHDOG=1\n");
    }

    #[test]
    fn without_a_manager_everything_is_silent() {
        let notify = Notify::from_environment(&Environment::default()).unwrap();
        notify.ready("in sync").unwrap();
        assert_eq!(notify.watchdog_interval(), None);
    }

    #[test]
    fn a_manager_that_is_gone_is_an_error_and_a_full_one_does_not_block() {
        let scratch = Scratch::new();
        let (manager, environment) = manager(&scratch);
        let notify = Notify::from_environment(&environment).unwrap();
        let full = (0..100_000).find_map(|_| notify.alive().err()).expect("the socket's queue is finite");
        assert!(matches!(full, NotifyError::Send(error) if error.kind() == io::ErrorKind::WouldBlock));
        drop(manager);
        assert!(matches!(notify.alive(), Err(NotifyError::Send(_))));
    }

    #[test]
    fn an_address_of_another_kind_is_refused() {
        let environment = Environment::from_iter([("NOTIFY_SOCKET", "vsock:2:1234")]);
        let refused = Notify::from_environment(&environment).unwrap_err();
        assert_eq!(refused.to_string(), "NOTIFY_SOCKET names `vsock:2:1234`, which is no socket that cgwd can use");
    }

    #[test]
    fn the_watchdog_is_fed_at_half_its_time_and_only_by_the_process_it_waits_for() {
        let own = std::process::id().to_string();
        let interval = |usec: &str, pid: &str| {
            let variables = [("WATCHDOG_USEC", usec), ("WATCHDOG_PID", pid)];
            watchdog(&Environment::from_iter(variables))
        };
        assert_eq!(interval("120000000", &own), Some(Duration::from_secs(60)));
        assert_eq!(interval("120000000", ""), Some(Duration::from_secs(60)));
        assert_eq!(interval("120000000", "1"), None);
        assert_eq!(interval("0", &own), None);
        assert_eq!(interval("soon", &own), None);
    }
}
