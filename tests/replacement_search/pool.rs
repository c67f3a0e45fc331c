//! Runs schedules on several threads, and says how to repeat those that fail.

use super::course::Runner;
use super::forks::{Forks, KeyDirectory, Then};
use super::generate::Block;
use super::schedule::Schedule;
use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, Once};
use std::time::{Duration, Instant};

pub struct Limits {
    pub threads: usize,
    pub until: Option<Instant>,
    pub stop_at_first: bool,
}

#[derive(Default)]
pub struct Outcome {
    pub schedules: u64,
    pub calls: u64,
    pub failures: Vec<Failure>,
    pub seconds: f64,
}

pub struct Failure {
    pub line: String,
    pub why: String,
}

/// What was run, and what of it failed. Ends after the family with which there are so many schedules.
pub fn run(block: &Block, limits: &Limits, most: u64) -> Outcome {
    let started = Instant::now();
    let (schedules, calls, stop) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
    let failures = Mutex::new(Vec::new());
    let (next, count) = (AtomicU64::new(0), block.families());
    let key = KeyDirectory::new();
    reports_of_panics_stay_outside();
    std::thread::scope(|scope| {
        for _ in 0..limits.threads {
            scope.spawn(|| {
                let (mut runner, mut forks) = (Runner::new(), Forks::new(&key));
                let tell = |schedule: &Schedule, ended: Result<u32, String>| {
                    schedules.fetch_add(1, Relaxed);
                    match ended {
                        Ok(made) => {
                            calls.fetch_add(u64::from(made), Relaxed);
                        }
                        Err(why) => {
                            // At once: what fails in the first minute is not to be waited for until the last.
                            say(&format!("FAIL {schedule}: {why}"));
                            failures.lock().expect("no panic inside").push(Failure { line: schedule.to_string(), why });
                            if limits.stop_at_first {
                                stop.store(true, Relaxed);
                            }
                        }
                    }
                };
                loop {
                    let number = next.fetch_add(1, Relaxed);
                    if number >= count || stop.load(Relaxed) || limits.are_past() || schedules.load(Relaxed) >= most {
                        break;
                    }
                    let Some(family) = block.family(number) else { continue };
                    match family.then {
                        Then::Nothing => tell(&family.common, runner.run(&family.common).map(|report| report.calls)),
                        Then::Each(_) | Then::Drawn { .. } => {
                            forks.run(&family, |schedule, ended| tell(schedule, ended.map(|told| told.calls)));
                        }
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().expect("no panic inside");
    Outcome { schedules: schedules.into_inner(), calls: calls.into_inner(), failures, seconds: started.elapsed().as_secs_f64() }
}

/// A report of a panic keeps what it has found out of the program for the next one.
fn reports_of_panics_stay_outside() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let report = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| rewind::outside(|| report(panic))));
    });
}

impl Limits {
    /// Whether nothing more is to be run after this.
    pub fn end(&self, so_far: &Outcome) -> bool {
        self.are_past() || self.stop_at_first && !so_far.failures.is_empty()
    }

    fn are_past(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() >= until)
    }
}

impl Outcome {
    pub fn add(&mut self, more: Outcome) {
        self.schedules += more.schedules;
        self.calls += more.calls;
        self.seconds += more.seconds;
        self.failures.extend(more.failures);
        self.failures.sort_by_key(|failure| (failure.line.len(), failure.line.clone()));
    }

    pub fn told(&self, name: &str) -> String {
        let Outcome { schedules, calls, seconds, .. } = self;
        let failures = if self.failures.is_empty() { String::new() } else { format!(", {} FAIL", self.failures.len()) };
        format!(
            "{name}: {schedules} schedules, {calls} calls, {seconds:.1} s, {:.0} schedules/s{failures}",
            *schedules as f64 / seconds.max(0.001)
        )
    }

    /// Of each reason a few.
    pub fn shown(&self) -> String {
        let mut kinds: std::collections::BTreeMap<String, (usize, &Failure)> = std::collections::BTreeMap::new();
        for failure in &self.failures {
            let kind: String = failure.why.chars().filter(|letter| !letter.is_ascii_digit()).take(100).collect();
            kinds.entry(kind).or_insert((0, failure)).0 += 1;
        }
        let lines = kinds.values().map(|(count, Failure { line, why })| {
            format!("{count} x {why}\n    CGWD_REPLAY='{line}' cargo test --test replacement_faults one_line")
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// Straight to stderr: the harness keeps back what a passing test prints.
pub fn say(line: &str) {
    let _written = writeln!(std::io::stderr(), "{line}");
}

/// From the environment, or else this.
pub fn number(name: &str, usually: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(usually)
}

pub fn limits() -> Limits {
    let lasting = |name: &str, seconds: f64| {
        let text = std::env::var(name).ok()?;
        Some(Duration::from_secs_f64(text.trim().parse::<f64>().ok()? * seconds))
    };
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get) as u64;
    let time = lasting("CGWD_SEARCH_HOURS", 3600.0).or_else(|| lasting("CGWD_SEARCH_MINUTES", 60.0));
    Limits {
        threads: number("CGWD_SEARCH_THREADS", cores) as usize,
        until: time.map(|time| Instant::now() + time),
        stop_at_first: std::env::var_os("CGWD_STOP_AT_FIRST").is_some(),
    }
}
