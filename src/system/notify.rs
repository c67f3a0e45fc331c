//! Tells the service manager how we are (sd_notify(3)): ready, status, alive, reloading, stopping. Never waits for it: a manager
//! that is busy does not hold up the loop. What it must hear is kept until it takes it.

use super::environment::Environment;
use sd_notify::NotifyState;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// The service manager's ear; silent where nobody listens (`NOTIFY_SOCKET` unset).
#[derive(Debug, Default)]
pub struct Notify {
    /// A path, as systemd gives it, or an abstract name, as some container managers do.
    manager: Option<SocketAddr>,
    watchdog: Option<Duration>,
    /// What the manager has not taken yet, in order.
    owed: RefCell<VecDeque<String>>,
    busy: Cell<bool>,
}

#[derive(Debug, thiserror::Error)]
#[error("could not tell the service manager")]
pub struct NotifyError(#[from] io::Error);

impl Notify {
    /// From `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID`.
    pub fn from_environment(environment: &Environment) -> Notify {
        let address = |name: &str| match name.strip_prefix('@') {
            Some(name) => SocketAddr::from_abstract_name(name),
            None => SocketAddr::from_pathname(name),
        };
        // A name that can be nobody's is nobody's.
        let manager = environment.var("NOTIFY_SOCKET").and_then(|name| address(name).ok());
        Notify { manager, watchdog: watchdog(environment), owed: RefCell::default(), busy: Cell::default() }
    }

    pub fn ready(&self, status: &str) -> Result<(), NotifyError> {
        self.insist(&[NotifyState::Ready, NotifyState::Status(&one_line(status))])
    }

    /// One line for `systemctl status`.
    pub fn status(&self, status: &str) -> Result<(), NotifyError> {
        self.send(&[NotifyState::Status(&one_line(status))])
    }

    /// We are alive. To be sent by the loop itself, never by a timer that would outlive a stuck loop.
    pub fn alive(&self) -> Result<(), NotifyError> {
        self.send(&[NotifyState::Watchdog])
    }

    /// A reload begins; [`Notify::ready`] ends it (`Type=notify-reload` wants both, with the time of the first).
    pub fn reloading(&self) -> Result<(), NotifyError> {
        self.insist(&[NotifyState::Reloading, NotifyState::monotonic_usec_now()?, NotifyState::Status("reading the configuration")])
    }

    pub fn stopping(&self, status: &str) -> Result<(), NotifyError> {
        self.insist(&[NotifyState::Stopping, NotifyState::Status(&one_line(status))])
    }

    /// How often to say that we are [`alive`](Notify::alive): half the time after which the manager gives us up, as
    /// sd_watchdog_enabled(3) advises. `None` where no watchdog waits.
    pub fn watchdog_interval(&self) -> Option<Duration> {
        self.watchdog
    }

    /// Whether the manager was too busy for the last message.
    pub fn is_behind(&self) -> bool {
        self.busy.get()
    }

    /// Tries again what the manager was too busy for.
    pub fn catch_up(&self) -> Result<(), NotifyError> {
        let mut owed = self.owed.borrow_mut();
        while let Some(message) = owed.front() {
            let put = self.put(message);
            if !is_busy(&put) {
                owed.pop_front();
            }
            put?;
        }
        Ok(())
    }

    fn insist(&self, states: &[NotifyState]) -> Result<(), NotifyError> {
        self.owed.borrow_mut().push_back(text(states));
        match self.catch_up() {
            busy if is_busy(&busy) => Ok(()),
            other => other,
        }
    }

    fn send(&self, states: &[NotifyState]) -> Result<(), NotifyError> {
        self.catch_up()?;
        self.put(&text(states))
    }

    fn put(&self, message: &str) -> Result<(), NotifyError> {
        let Some(manager) = &self.manager else { return Ok(()) };
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        let put = socket.send_to_addr(message.as_bytes(), manager).map(|_| ()).map_err(NotifyError);
        self.busy.set(is_busy(&put));
        put
    }
}

fn watchdog(environment: &Environment) -> Option<Duration> {
    if environment.var("WATCHDOG_PID").is_some_and(|pid| pid != std::process::id().to_string()) {
        return None;
    }
    let micros: u64 = environment.var("WATCHDOG_USEC")?.parse().ok()?;
    (micros > 0).then(|| Duration::from_micros(micros) / 2)
}

fn text(states: &[NotifyState]) -> String {
    states.iter().map(|state| format!("{state}\n")).collect()
}

fn is_busy(result: &Result<(), NotifyError>) -> bool {
    matches!(result, Err(NotifyError(error)) if error.kind() == io::ErrorKind::WouldBlock)
}

/// A line break would begin another variable.
fn one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}

#[cfg(test)]
mod tests {
    use super::super::scratch::Scratch;
    use super::*;

    fn at(socket: &str) -> Notify {
        Notify::from_environment(&[("NOTIFY_SOCKET", socket)].into_iter().collect())
    }

    fn speak(notify: &Notify) {
        notify.ready("in sync").unwrap();
        notify.status("two\nREADY=0 lines").unwrap();
        notify.alive().unwrap();
        notify.stopping("bye").unwrap();
        notify.reloading().unwrap();
    }

    fn heard(manager: &UnixDatagram) -> String {
        manager.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let mut bytes = [0; 4096];
        let length = manager.recv(&mut bytes).expect("a message arrives");
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    }

    fn hears_everything(manager: &UnixDatagram) {
        assert_eq!(heard(manager), "READY=1\nSTATUS=in sync\n");
        assert_eq!(heard(manager), "STATUS=two READY=0 lines\n");
        assert_eq!(heard(manager), "WATCHDOG=1\n");
        assert_eq!(heard(manager), "STOPPING=1\nSTATUS=bye\n");
        let reloading = heard(manager);
        let micros = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").and_then(|rest| rest.split_once('\n')).unwrap().0;
        assert!(micros.parse::<u128>().unwrap() > 0);
    }

    #[test]
    fn the_manager_hears_each_state() {
        let scratch = Scratch::new();
        let path = scratch.join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        speak(&at(path.to_str().unwrap()));
        hears_everything(&manager);
    }

    #[test]
    fn an_abstract_socket_is_heard_too() {
        let name = format!("cgwd-test-{}", std::process::id());
        let manager = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        speak(&at(&format!("@{name}")));
        hears_everything(&manager);
    }

    #[test]
    fn a_manager_that_is_busy_holds_up_nothing_and_hears_what_it_must_later() {
        let scratch = Scratch::new();
        let path = scratch.join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        let notify = at(path.to_str().unwrap());
        let mut full = 0;
        while notify.status("starting").is_ok() {
            full += 1;
            assert!(full < 100_000, "its queue has no end");
        }
        assert!(notify.is_behind());
        notify.ready("in sync").unwrap();
        notify.stopping("bye").unwrap();
        assert!(is_busy(&notify.alive()));
        for _ in 0..full {
            assert_eq!(heard(&manager), "STATUS=starting\n");
        }
        notify.catch_up().unwrap();
        assert!(!notify.is_behind());
        assert_eq!(heard(&manager), "READY=1\nSTATUS=in sync\n");
        assert_eq!(heard(&manager), "STOPPING=1\nSTATUS=bye\n");
    }

    #[test]
    fn without_a_manager_everything_is_silent() {
        let notify = Notify::from_environment(&Environment::default());
        notify.ready("in sync").unwrap();
        assert_eq!(notify.watchdog_interval(), None);
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
