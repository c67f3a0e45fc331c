//! Where logs and alerts go: to stderr, or to the journal where stderr is the journal; alerts of the daemon to the journal always.

use super::clock;
use super::environment::Environment;
use rustix::fs::fstat;
use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::sync::OnceLock;
use tracing::level_filters::LevelFilter;
use tracing::subscriber::SetGlobalDefaultError;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_journald::{Priority, PriorityMappings};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::{self as lines, FmtContext, FormatEvent, FormatFields, format::Writer};
use tracing_subscriber::layer::{Context, Filter, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

/// The tracing target of alerts, by which they are told from logs.
pub const ALERTS: &str = "cgwd::alerts";

/// `SYSLOG_IDENTIFIER` in the journal.
pub const IDENTIFIER: &str = "cgwd";

/// What is told, before it is known where to.
#[derive(Clone, Copy, Debug)]
pub struct Logging {
    level: LevelFilter,
    alerts_to_journal: bool,
}

#[derive(Debug, thiserror::Error)]
#[error("logging has been started already")]
pub struct LoggingError(#[from] SetGlobalDefaultError);

impl Logging {
    /// For `cgwd run`: what an operator would tell a colleague, and alerts to the journal wherever the logs go.
    /// `verbose` is the number of `-v`.
    pub fn daemon(verbose: u8) -> Logging {
        Logging { level: raised(LevelFilter::INFO, verbose), alerts_to_journal: true }
    }

    /// For the other commands: people read their stdout, so only what is unusual is logged.
    pub fn command(verbose: u8) -> Logging {
        Logging { level: raised(LevelFilter::WARN, verbose), alerts_to_journal: false }
    }

    /// Once for each process. A missing journald is no error: what can't go there goes to stderr, and an alert that comes
    /// when journald is there again reaches it.
    pub fn start(self, environment: &Environment) -> Result<(), LoggingError> {
        let journal = Journal::default();
        let stream = stderr_is_the_journal(environment);
        let all_to_journal = stream && journal.is_there();
        let line = Line { color: color_wanted(environment), priorities: stream };
        let stderr = lines::layer().event_format(line).with_writer(io::stderr).with_filter(What::Logs(self.level));
        let journaled = match () {
            () if all_to_journal => Some(What::Logs(self.level)),
            // Through stderr they arrive in the journal already.
            () if self.alerts_to_journal && !stream => Some(What::Alerts),
            () => None,
        };
        let subscriber =
            tracing_subscriber::registry().with((!all_to_journal).then_some(stderr)).with(journaled.map(|what| journal.with_filter(what)));
        Ok(tracing::subscriber::set_global_default(subscriber)?)
    }
}

/// Makes a panic end the process at once, after a line that names the place. The words of a panic can hold a secret (the
/// `Debug` of what was unwrapped), so only words that stand in the source are shown.
pub fn abort_on_panic(environment: &Environment) {
    let prefix = if stderr_is_the_journal(environment) { "<2>" } else { "" };
    std::panic::set_hook(Box::new(move |panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_else(|| "an unknown place".to_owned());
        let words = panic.payload().downcast_ref::<&'static str>().map(|words| format!(": {words}")).unwrap_or_default();
        // Not through tracing: it may be what panicked. If stderr is gone there is nobody left to tell.
        let _ = writeln!(io::stderr(), "{prefix}cgwd stopped on a mistake in the program at {place}{words}; please report it");
        std::process::abort();
    }));
}

/// Whether what is written to stderr ends up in the journal, as systemd.exec(5) says under `$JOURNAL_STREAM`.
pub fn stderr_is_the_journal(environment: &Environment) -> bool {
    let Some((device, inode)) = environment.var("JOURNAL_STREAM").and_then(|stream| stream.split_once(':')) else { return false };
    let (Ok(device), Ok(inode)) = (device.parse::<u64>(), inode.parse::<u64>()) else { return false };
    fstat(io::stderr()).is_ok_and(|stderr| stderr.st_dev == device && stderr.st_ino == inode)
}

fn raised(level: LevelFilter, verbose: u8) -> LevelFilter {
    let levels = [LevelFilter::WARN, LevelFilter::INFO, LevelFilter::DEBUG, LevelFilter::TRACE];
    let start = levels.iter().position(|candidate| *candidate == level).unwrap_or_default();
    levels[(start + usize::from(verbose)).min(levels.len() - 1)]
}

fn color_wanted(environment: &Environment) -> bool {
    io::stderr().is_terminal() && environment.var("NO_COLOR").is_none() && environment.var("TERM") != Some("dumb")
}

/// What passes to a destination.
#[derive(Clone, Copy)]
enum What {
    Logs(LevelFilter),
    Alerts,
}

impl What {
    fn passes(self, metadata: &Metadata<'_>) -> bool {
        if metadata.is_span() {
            // The journal's layer wants to have seen each span from its beginning; ours is made when journald is there.
            return false;
        }
        let target = metadata.target();
        match self {
            _ if target == ALERTS => true,
            What::Alerts => false,
            What::Logs(level) if target == "cgwd" || target.starts_with("cgwd::") => *metadata.level() <= level,
            // Libraries don't know what is secret here: their chatter stays out at every level.
            What::Logs(_) => *metadata.level() <= Level::WARN,
        }
    }
}

impl<S> Filter<S> for What {
    fn enabled(&self, metadata: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        self.passes(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        match self {
            // An alert's end is told at INFO.
            What::Logs(level) => Some((*level).max(LevelFilter::INFO)),
            What::Alerts => Some(LevelFilter::INFO),
        }
    }
}

/// The journal's layer, made at the first event that finds journald there.
#[derive(Default)]
struct Journal(OnceLock<tracing_journald::Layer>);

impl Journal {
    fn is_there(&self) -> bool {
        self.layer().is_some()
    }

    fn layer(&self) -> Option<&tracing_journald::Layer> {
        if self.0.get().is_none() {
            let made = tracing_journald::layer().ok()?;
            let priorities = PriorityMappings { info: Priority::Informational, debug: Priority::Debug, ..PriorityMappings::new() };
            let made = made.with_field_prefix(None).with_syslog_identifier(IDENTIFIER.to_owned()).with_priority_mappings(priorities);
            // Another thread was first: its layer is as good.
            let _ = self.0.set(made);
        }
        self.0.get()
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Journal {
    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        if let Some(layer) = self.layer() {
            layer.on_event(event, context);
        }
    }
}

/// One readable line for each event.
struct Line {
    color: bool,
    /// stderr is a stream of the journal: `<4>` in front instead of the time, which it knows itself (sd-daemon(3)).
    priorities: bool,
}

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut words = Words::default();
        event.record(&mut words);
        let level = *event.metadata().level();
        if self.priorities {
            write!(writer, "<{}>", priority(level))?;
        } else {
            write!(writer, "{} {} ", clock::wall_time().strftime("%Y-%m-%dT%H:%M:%SZ"), self.word(level))?;
        }
        let target = event.metadata().target();
        match &words.event {
            Some(code) => write!(writer, "{code} {}: ", words.phase)?,
            None if !target.starts_with("cgwd") => write!(writer, "{target}: ")?,
            None => {}
        }
        writeln!(writer, "{}{}", words.message, words.rest)
    }
}

impl Line {
    fn word(&self, level: Level) -> String {
        let color = match level {
            Level::ERROR => "31",
            Level::WARN => "33",
            Level::INFO => "32",
            _ => "2",
        };
        if self.color { format!("\x1b[{color}m{level:>5}\x1b[0m") } else { format!("{level:>5}") }
    }
}

fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        _ => 7,
    }
}

/// An event's fields, sorted into what a person reads.
#[derive(Default)]
struct Words {
    message: String,
    event: Option<String>,
    phase: String,
    rest: String,
}

impl Words {
    fn take(&mut self, name: &str, value: &str) {
        let value = printable(value);
        match name {
            "message" => self.message = value,
            "CGWD_EVENT" => self.event = Some(value),
            "CGWD_PHASE" => self.phase = value,
            // The first is noise to a person, the second is in the message, the third is this machine.
            "MESSAGE_ID" | "CGWD_REMEDY" | "CGWD_DEVICE" => {}
            _ => {
                let name = name.strip_prefix("CGWD_").unwrap_or(name).to_ascii_lowercase();
                self.rest.push_str(&format!(" {name}={value}"));
            }
        }
    }
}

impl tracing::field::Visit for Words {
    fn record_str(&mut self, field: &tracing::field::Field, value: &str) {
        self.take(field.name(), value);
    }

    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn fmt::Debug) {
        self.take(field.name(), &format!("{value:?}"));
    }
}

/// What comes from outside must not steer a terminal or begin a line of its own.
fn printable(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Screen(Arc<Mutex<Vec<u8>>>);

    impl Write for Screen {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn shown(line: Line, level: LevelFilter, tell: impl FnOnce()) -> String {
        let screen = Screen::default();
        let writer = screen.clone();
        let layer = lines::layer().event_format(line).with_writer(move || writer.clone()).with_filter(What::Logs(level));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), tell);
        let bytes = screen.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    fn plain() -> Line {
        Line { color: false, priorities: true }
    }

    #[test]
    fn an_alert_is_one_line_without_noise() {
        let text = shown(plain(), LevelFilter::WARN, || {
            tracing::info!(
                target: ALERTS,
                MESSAGE_ID = "8f4f8839e4274ce9bb4fb1371d123326",
                CGWD_EVENT = "address.changed",
                CGWD_PHASE = "occurred",
                CGWD_DEVICE = "branch-1",
                CGWD_ADDRESS_NEW = "203.0.113.8",
                CGWD_ASN = None::<&str>,
                CGWD_REMEDY = "look",
                "{}",
                "it changed. What to do: look"
            );
        });
        assert_eq!(text, "<6>address.changed occurred: it changed. What to do: look address_new=203.0.113.8\n");
    }

    #[test]
    fn what_comes_from_outside_can_not_steer_a_terminal() {
        let text = shown(plain(), LevelFilter::INFO, || tracing::info!(target: "cgwd::x", code = "\x1b[31m\n<0>", "read\r"));
        assert_eq!(text, "<6>read  code= [31m <0>\n");
    }

    #[test]
    fn a_level_hides_what_is_below_it_and_libraries_never_chatter() {
        let text = shown(plain(), LevelFilter::TRACE, || {
            tracing::trace!(target: "cgwd::cloud", "ours");
            tracing::info!(target: "hyper::client", "a secret in a URL");
            tracing::info!(target: "cgwdish", "not ours");
            tracing::warn!(target: "hyper::client", "unusual");
        });
        assert_eq!(text, "<7>ours\n<4>hyper::client: unusual\n");
        assert_eq!(shown(plain(), LevelFilter::WARN, || tracing::info!(target: "cgwd", "quiet")), "");
    }

    #[test]
    fn a_terminal_gets_the_time_and_a_colored_level() {
        let line = shown(Line { color: true, priorities: false }, LevelFilter::INFO, || tracing::warn!(target: "cgwd", "odd"));
        let (time, rest) = line.split_once(' ').unwrap();
        time.parse::<crate::model::Timestamp>().unwrap();
        assert_eq!(rest, "\x1b[33m WARN\x1b[0m odd\n");
    }

    #[test]
    fn each_v_shows_more_and_more_than_enough_is_no_mistake() {
        let levels = [0, 1, 2, 3, 255].map(|verbose| Logging::command(verbose).level);
        assert_eq!(levels, [LevelFilter::WARN, LevelFilter::INFO, LevelFilter::DEBUG, LevelFilter::TRACE, LevelFilter::TRACE]);
        assert_eq!(Logging::daemon(0).level, LevelFilter::INFO);
    }

    #[test]
    fn only_the_very_stream_is_the_journal() {
        let stderr = fstat(io::stderr()).unwrap();
        let named = |value: String| stderr_is_the_journal(&Environment::from_iter([("JOURNAL_STREAM", value)]));
        assert!(named(format!("{}:{}", stderr.st_dev, stderr.st_ino)));
        assert!(!named(format!("{}:{}", stderr.st_dev, stderr.st_ino + 1)));
        assert!(!named("9:".to_owned()));
        assert!(!named("nonsense".to_owned()));
        assert!(!stderr_is_the_journal(&Environment::default()));
    }
}
