use super::*;
use jiff::civil::date;
use proptest::prelude::*;

const MONDAY: i8 = 5;

fn minute(text: &str) -> MinuteOfDay {
    let (hour, minute) = text.split_once(':').unwrap();
    MinuteOfDay::at(hour.parse().unwrap(), minute.parse().unwrap()).unwrap()
}

fn span(days: &[Weekday], from: &str, until: &str) -> WindowSpan {
    let days = Weekdays::of(days.iter().copied()).unwrap_or(Weekdays::ALL);
    WindowSpan::new(days, minute(from), minute(until)).unwrap()
}

fn window(spans: &[WindowSpan]) -> Window {
    Window::new(spans.to_vec()).unwrap()
}

/// In January 2026, whose 5th is a Monday.
fn at(day: i8, hour: i8, minute: i8) -> DateTime {
    date(2026, 1, day).at(hour, minute, 0, 0)
}

#[test]
fn a_span_begins_with_its_first_minute_and_ends_before_its_last() {
    assert_eq!(at(MONDAY, 0, 0).weekday(), Weekday::Monday);
    let window = window(&[span(&[Weekday::Saturday, Weekday::Sunday], "02:00", "05:00")]);
    let (saturday, sunday) = (MONDAY + 5, MONDAY + 6);
    for day in [saturday, sunday] {
        assert!(!window.allows(at(day, 1, 59)) && window.allows(at(day, 2, 0)));
        assert!(window.allows(date(2026, 1, day).at(4, 59, 59, 999_999_999)) && !window.allows(at(day, 5, 0)));
    }
    assert!(!window.allows(at(MONDAY, 3, 0)));
    assert_eq!(window.next_opening(at(MONDAY, 3, 0)), Some(at(saturday, 2, 0)));
    assert_eq!(window.next_opening(at(saturday, 2, 0)), Some(at(saturday, 2, 0)));
    assert_eq!(window.next_opening(at(saturday, 5, 0)), Some(at(sunday, 2, 0)));
    assert_eq!(window.next_opening(at(sunday, 5, 0)), Some(at(saturday + 7, 2, 0)), "a week on");
}

#[test]
fn a_span_over_midnight_belongs_to_the_day_it_begins_on() {
    let window = window(&[span(&[Weekday::Sunday], "23:00", "02:00")]);
    let sunday = MONDAY + 6;
    assert!(window.allows(at(sunday, 23, 0)) && window.allows(at(sunday + 1, 1, 59)));
    assert!(!window.allows(at(sunday, 22, 59)) && !window.allows(at(sunday + 1, 2, 0)));
    assert!(!window.allows(at(sunday, 1, 0)), "that night began on Saturday");
    assert_eq!(window.next_opening(at(sunday, 1, 0)), Some(at(sunday, 23, 0)));
}

#[test]
fn the_whole_day_and_its_last_minute_can_be_written() {
    let whole = window(&[span(&[Weekday::Monday], "00:00", "24:00")]);
    assert!(whole.allows(at(MONDAY, 0, 0)) && whole.allows(at(MONDAY, 23, 59)) && !whole.allows(at(MONDAY + 1, 0, 0)));
    for end in ["24:00", "00:00"] {
        let evening = window(&[span(&[], "22:00", end)]);
        assert!(evening.allows(at(MONDAY, 23, 59)) && !evening.allows(at(MONDAY + 1, 0, 0)), "{end}");
    }
    assert_eq!(WindowSpan::new(Weekdays::ALL, minute("02:00"), minute("02:00")), None);
    assert_eq!(WindowSpan::new(Weekdays::ALL, minute("24:00"), minute("02:00")), None);
    assert_eq!(
        (MinuteOfDay::at(24, 1), MinuteOfDay::at(25, 0), MinuteOfDay::at(0, 60), MinuteOfDay::at(u16::MAX, 0)),
        (None, None, None, None)
    );
    assert_eq!((Window::new(Vec::new()), Weekdays::of([])), (None, None));
}

#[test]
fn the_calendar_s_end_opens_nothing() {
    let window = window(&[span(&[], "02:00", "03:00")]);
    assert_eq!(window.next_opening(DateTime::MAX), None);
}

#[test]
fn it_is_shown_as_it_is_written() {
    let window = window(&[span(&[Weekday::Sunday, Weekday::Saturday], "02:00", "05:30"), span(&[], "23:00", "24:00")]);
    assert_eq!(window.to_string(), "Sat,Sun 02:00-05:30; 23:00-24:00");
}

fn any_span() -> impl Strategy<Value = WindowSpan> {
    // Few distinct times, so that edges meet.
    let minute = prop_oneof![0u16..=1440, Just(0), Just(1439), Just(1440), Just(720)];
    (1u8..=0x7f, minute.clone(), minute)
        .prop_filter_map("empty", |(days, from, until)| WindowSpan::new(Weekdays(days), MinuteOfDay(from), MinuteOfDay(until)))
}

fn any_window() -> impl Strategy<Value = Window> {
    prop::collection::vec(any_span(), 1..4).prop_map(|spans| Window::new(spans).unwrap())
}

/// The open minutes of a week by walking along each span, which shares nothing with the rules above.
fn open_minutes(window: &Window) -> Vec<bool> {
    const WEEK: usize = 7 * 1440;
    let mut open = vec![false; WEEK];
    for span in &window.0 {
        for day in (0..7).filter(|day| span.days.0 & (1 << day) != 0) {
            let length = (usize::from(span.until.0) + 1440 - usize::from(span.from.0) - 1) % 1440 + 1;
            let start = day * 1440 + usize::from(span.from.0);
            (start..start + length).for_each(|minute| open[minute % WEEK] = true);
        }
    }
    open
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn it_is_open_in_just_the_minutes_of_its_spans(window in any_window(), second in 0i8..60) {
        let open = open_minutes(&window);
        for (minute, expected) in open.iter().enumerate() {
            let day = MONDAY + (minute / 1440) as i8;
            let local = date(2026, 1, day).at((minute / 60 % 24) as i8, (minute % 60) as i8, second, 0);
            prop_assert_eq!(window.allows(local), *expected, "{} at {}", window, local);
        }
    }

    #[test]
    fn the_next_opening_is_the_first_open_moment(window in any_window(), minute in 0usize..7 * 1440, second in 0i8..60) {
        let open = open_minutes(&window);
        let day = MONDAY + (minute / 1440) as i8;
        let from = date(2026, 1, day).at((minute / 60 % 24) as i8, (minute % 60) as i8, second, 0);
        let waiting = (0..=7 * 1440).find(|on| open[(minute + on) % (7 * 1440)]).unwrap();
        let expected = match waiting {
            0 => from,
            waiting => from.with().second(0).build().unwrap() + (waiting as i64).minutes(),
        };
        prop_assert_eq!(window.next_opening(from), Some(expected), "{}", window);
    }
}
