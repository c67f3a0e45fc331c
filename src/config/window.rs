//! `[replacement] window`: a text in, spans of the week or a complaint out.

use super::nearest::nearest;
use super::parse::{Parsed, complaint};
use crate::model::{MinuteOfDay, Weekdays, Window, WindowSpan};
use jiff::civil::Weekday;

const EXAMPLE: &str = "write for example \"Sat,Sun 02:00-05:00\"; without days it is every day, and `;` separates several";
const DAYS: [(&str, Weekday); 7] = [
    ("monday", Weekday::Monday),
    ("tuesday", Weekday::Tuesday),
    ("wednesday", Weekday::Wednesday),
    ("thursday", Weekday::Thursday),
    ("friday", Weekday::Friday),
    ("saturday", Weekday::Saturday),
    ("sunday", Weekday::Sunday),
];
const SHORT: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// `Sat,Sun 02:00-05:00`, `Mon-Fri 23:00-01:00; Sun 02:00-24:00`, `02:00-05:00`.
pub(super) fn window(text: &str) -> Parsed<Window> {
    let tight = text.replace(" -", "-").replace("- ", "-");
    let spans = tight.split(';').map(|part| span(part.trim())).collect::<Parsed<Vec<_>>>()?;
    match Window::new(spans) {
        Some(window) => Ok(window),
        None => complaint("there is no span in it", EXAMPLE),
    }
}

fn span(text: &str) -> Parsed<WindowSpan> {
    let (days, hours) = match text.rsplit_once(char::is_whitespace) {
        Some((days, hours)) => (weekdays(days)?, hours),
        None => (Weekdays::ALL, text),
    };
    let Some((from, until)) = hours.split_once('-') else {
        return complaint(format!("`{text}` does not end in two times with `-` between them"), EXAMPLE);
    };
    let (from, until) = (minute(from)?, minute(until)?);
    match WindowSpan::new(days, from, until) {
        Some(span) => Ok(span),
        None if from == until => complaint(format!("`{hours}` ends when it begins"), "write 00:00-24:00 for the whole day"),
        None => complaint("24:00 can be an end only".to_owned(), "write 00:00, on the day after"),
    }
}

/// Days and ranges of them, with commas between.
fn weekdays(text: &str) -> Parsed<Weekdays> {
    let mut all = Vec::new();
    for item in text.split(',').map(str::trim) {
        match item.split_once('-') {
            Some((first, last)) => all.extend(range(weekday(first)?, weekday(last)?)),
            None => all.push(weekday(item)?),
        }
    }
    match Weekdays::of(all) {
        Some(days) => Ok(days),
        None => complaint("there is no day in it", EXAMPLE),
    }
}

/// Both ends included; Sat-Mon goes over Sunday.
fn range(first: Weekday, last: Weekday) -> impl Iterator<Item = Weekday> {
    first.cycle_forward().take(1 + usize::from(first.until(last).unsigned_abs()))
}

/// Three letters or more of an English day, in any case.
fn weekday(text: &str) -> Parsed<Weekday> {
    let word = text.to_lowercase();
    match DAYS.iter().find(|(name, _)| word.len() >= 3 && name.starts_with(&word)) {
        Some((_, day)) => Ok(*day),
        None => {
            let remedy = match nearest(&word, SHORT.into_iter().chain(DAYS.map(|(name, _)| name))) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the days are {}", SHORT.join(", ")),
            };
            complaint(format!("`{text}` is not a day of the week"), remedy)
        }
    }
}

fn minute(text: &str) -> Parsed<MinuteOfDay> {
    let digits = |part: &str, lengths: std::ops::RangeInclusive<usize>| {
        lengths.contains(&part.len()).then_some(part).filter(|part| part.bytes().all(|byte| byte.is_ascii_digit()))?.parse().ok()
    };
    let parts = text.split_once(':').and_then(|(hour, minute)| Some((digits(hour, 1..=2)?, digits(minute, 2..=2)?)));
    match parts.and_then(|(hour, minute)| MinuteOfDay::at(hour, minute)) {
        Some(minute) => Ok(minute),
        None => complaint(format!("`{text}` is not a time"), "write hours and minutes, from 00:00 to 24:00"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        window(text).map(|window| window.to_string()).unwrap_or_else(|complaint| format!("{} / {}", complaint.message, complaint.remedy))
    }

    #[test]
    fn what_is_a_window() {
        for (written, meant) in [
            ("Sat,Sun 02:00-05:00", "Sat,Sun 02:00-05:00"),
            ("02:00-05:00", "02:00-05:00"),
            ("Mon - Tue 02:00 - 05:00", "Mon,Tue 02:00-05:00"),
            ("sun, SATURDAY  2:00-5:00 ", "Sat,Sun 02:00-05:00"),
            ("Mon-Fri 23:00-01:00;Sun 02:00-24:00", "Mon,Tue,Wed,Thu,Fri 23:00-01:00; Sun 02:00-24:00"),
            ("Sat-Mon,Wed 00:00-24:00", "Mon,Wed,Sat,Sun 00:00-24:00"),
            ("Tue-Tue 01:00-02:00", "Tue 01:00-02:00"),
            ("Mon-Sun 01:00-02:00", "01:00-02:00"),
        ] {
            assert_eq!(shown(written), meant);
            assert_eq!(shown(meant), meant, "it is read again as it is shown");
        }
    }

    #[test]
    fn what_is_none() {
        for (written, said) in [
            ("", "does not end in two times"),
            ("Sat", "`Sat` does not end in two times"),
            ("Sat 02:00", "does not end in two times"),
            ("Sat 02:00-05:00;", "`` does not end in two times"),
            ("Sta 02:00-05:00", "`Sta` is not a day of the week / did you mean `sat`?"),
            ("weekends 02:00-05:00", "the days are mon, tue"),
            ("Sa 02:00-05:00", "`Sa` is not a day"),
            ("Sat,,Sun 02:00-05:00", "`` is not a day"),
            ("Sat- 02:00-05:00", "`Sat` is not a time"),
            ("02:00-02:00", "`02:00-02:00` ends when it begins / write 00:00-24:00"),
            ("24:00-02:00", "24:00 can be an end only"),
            ("02:00-24:01", "`24:01` is not a time"),
            ("02:60-03:00", "`02:60` is not a time"),
            ("2-5", "`2` is not a time"),
            ("2:00 - 5", "`5` is not a time / write hours and minutes"),
            ("02:00-+5:00", "`+5:00` is not a time"),
            ("02:00-05:0", "`05:0` is not a time"),
            ("02:00-05:00-06:00", "`05:00-06:00` is not a time"),
        ] {
            assert!(shown(written).contains(said), "{written}: {}", shown(written));
        }
    }
}
