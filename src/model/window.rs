//! When a replacement may begin: spans of the week in the device's local time, such as `Sat,Sun 02:00-05:00`.

use jiff::ToSpan;
use jiff::civil::{DateTime, Time, Weekday};
use std::fmt;

/// One or more spans; it is open while one of them is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window(Vec<WindowSpan>);

/// From one minute of each of its days until another, which no longer belongs to it. Where that is not later on the same day
/// it is on the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowSpan {
    days: Weekdays,
    from: MinuteOfDay,
    until: MinuteOfDay,
}

/// Some days of the week; never none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weekdays(u8);

/// A minute of the day, 00:00-24:00; the last is the next day's first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MinuteOfDay(u16);

const MINUTES_A_DAY: u16 = 24 * 60;
const WEEK: [(Weekday, &str); 7] = [
    (Weekday::Monday, "Mon"),
    (Weekday::Tuesday, "Tue"),
    (Weekday::Wednesday, "Wed"),
    (Weekday::Thursday, "Thu"),
    (Weekday::Friday, "Fri"),
    (Weekday::Saturday, "Sat"),
    (Weekday::Sunday, "Sun"),
];

impl Window {
    /// `None` without a span: it would never open.
    pub fn new(spans: Vec<WindowSpan>) -> Option<Window> {
        (!spans.is_empty()).then_some(Window(spans))
    }

    /// Whether a replacement may begin at this local time.
    pub fn allows(&self, local: DateTime) -> bool {
        self.0.iter().any(|span| span.allows(local))
    }

    /// The first moment from `from` on at which it is open: `from` itself while it is. `None` at the calendar's end only.
    pub fn next_opening(&self, from: DateTime) -> Option<DateTime> {
        if self.allows(from) {
            return Some(from);
        }
        self.0.iter().filter_map(|span| span.next_start(from)).min()
    }
}

impl WindowSpan {
    /// `None` where it would be empty, or might mean the whole day: that is 00:00-24:00.
    pub fn new(days: Weekdays, from: MinuteOfDay, until: MinuteOfDay) -> Option<WindowSpan> {
        (from != until && from.0 < MINUTES_A_DAY).then_some(WindowSpan { days, from, until })
    }

    fn allows(self, local: DateTime) -> bool {
        let (day, minute) = (local.weekday(), MinuteOfDay::of(local.time()));
        match self.from < self.until {
            true => self.days.contains(day) && self.from <= minute && minute < self.until,
            false => (self.days.contains(day) && self.from <= minute) || (self.days.contains(day.previous()) && minute < self.until),
        }
    }

    /// The first start after `from`, at most a week on.
    fn next_start(self, from: DateTime) -> Option<DateTime> {
        (0..=7)
            .filter_map(|days| from.date().checked_add(days.days()).ok())
            .filter(|date| self.days.contains(date.weekday()))
            .map(|date| date.to_datetime(self.from.time()))
            .find(|start| *start > from)
    }
}

impl Weekdays {
    pub const ALL: Weekdays = Weekdays(0x7f);

    /// `None` for none.
    pub fn of(days: impl IntoIterator<Item = Weekday>) -> Option<Weekdays> {
        let bits = days.into_iter().fold(0, |bits, day| bits | Weekdays::bit(day));
        (bits != 0).then_some(Weekdays(bits))
    }

    pub fn contains(self, day: Weekday) -> bool {
        self.0 & Weekdays::bit(day) != 0
    }

    fn bit(day: Weekday) -> u8 {
        1 << day.to_monday_zero_offset()
    }
}

impl MinuteOfDay {
    /// `None` beyond 24:00.
    pub fn at(hour: u16, minute: u16) -> Option<MinuteOfDay> {
        let of_day = hour.checked_mul(60)?.checked_add(minute)?;
        (minute < 60 && of_day <= MINUTES_A_DAY).then_some(MinuteOfDay(of_day))
    }

    fn of(time: Time) -> MinuteOfDay {
        MinuteOfDay(u16::from(time.hour().unsigned_abs()) * 60 + u16::from(time.minute().unsigned_abs()))
    }

    fn time(self) -> Time {
        Time::midnight().wrapping_add(i64::from(self.0).minutes())
    }
}

/// As the configuration writes it.
impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, span) in self.0.iter().enumerate() {
            write!(f, "{}{span}", if index == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

impl fmt::Display for WindowSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.days != Weekdays::ALL {
            write!(f, "{} ", self.days)?;
        }
        write!(f, "{}-{}", self.from, self.until)
    }
}

impl fmt::Display for Weekdays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = WEEK.iter().filter(|(day, _)| self.contains(*day)).map(|(_, name)| *name).collect();
        f.write_str(&names.join(","))
    }
}

impl fmt::Display for MinuteOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

#[cfg(test)]
mod tests;
