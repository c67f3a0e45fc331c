//! The device's time zone, for what people write in local time. Read each time: somebody may set another one.

use crate::model::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// localtime(5).
const LOCAL_TIME: &str = "/etc/localtime";
/// The largest file of the IANA database has 3.5 KiB.
const LARGEST: u64 = 64 * 1024;

pub struct Zone(TimeZone);

#[derive(Debug, thiserror::Error)]
pub enum ZoneError {
    #[error("the time zone {} cannot be read", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("the time zone {} is not a file of the time zone database", path.display())]
    Damaged { path: PathBuf, source: jiff::Error },
}

impl Zone {
    /// As /etc/localtime says; UTC where there is none, as localtime(5) has it.
    pub fn of_this_device() -> Result<Zone, ZoneError> {
        Zone::of(Path::new(LOCAL_TIME))
    }

    fn of(path: &Path) -> Result<Zone, ZoneError> {
        let mut data = Vec::new();
        match File::open(path).and_then(|file| file.take(LARGEST).read_to_end(&mut data)) {
            Ok(_) => TimeZone::tzif("local", &data).map(Zone).map_err(|source| ZoneError::Damaged { path: path.to_owned(), source }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Zone(TimeZone::UTC)),
            Err(source) => Err(ZoneError::Unreadable { path: path.to_owned(), source }),
        }
    }

    /// What the clock on the wall shows.
    pub fn local(&self, at: Timestamp) -> DateTime {
        self.0.to_datetime(at)
    }

    /// When that clock shows `local`: the first time where it shows it twice, and as much later as the clock is put forward where
    /// it never does. `None` at the calendar's ends only.
    pub fn instant(&self, local: DateTime) -> Option<Timestamp> {
        self.0.to_timestamp(local).ok()
    }
}

impl ZoneError {
    pub fn remedy(&self) -> &'static str {
        "set the time zone with `timedatectl set-timezone`; where /etc/localtime is not there at all, UTC counts"
    }
}

#[cfg(test)]
mod tests {
    use super::super::scratch::Scratch;
    use super::*;
    use jiff::civil::date;

    /// Version 1 of the format alone, with a rule in its last line: what tzfile(5) calls a footer follows an empty version 2.
    fn tzif(rule: &str) -> Vec<u8> {
        let empty = |version: u8| {
            let mut block = b"TZif".to_vec();
            block.push(version);
            block.extend([0; 15]);
            // No leap seconds, no transitions, one type of local time with a one-byte name.
            for count in [0u32, 0, 0, 0, 1, 1] {
                block.extend(count.to_be_bytes());
            }
            block.extend([0, 0, 0, 0, 0, 0, 0]);
            block
        };
        [empty(b'2'), empty(b'2'), format!("\n{rule}\n").into_bytes()].concat()
    }

    fn zone(rule: &str) -> Zone {
        let scratch = Scratch::new();
        let path = scratch.join("localtime");
        std::fs::write(&path, tzif(rule)).unwrap();
        Zone::of(&path).unwrap()
    }

    #[test]
    fn local_time_follows_the_rule_of_the_zone() {
        let shanghai = zone("CST-8");
        let noon: Timestamp = "2026-07-01T04:00:00Z".parse().unwrap();
        assert_eq!(shanghai.local(noon), date(2026, 7, 1).at(12, 0, 0, 0));
        assert_eq!(shanghai.instant(shanghai.local(noon)), Some(noon));

        let berlin = zone("CET-1CEST,M3.5.0,M10.5.0/3");
        let hour = |text: &str| berlin.local(text.parse().unwrap()).hour();
        assert_eq!((hour("2026-01-01T12:00:00Z"), hour("2026-07-01T12:00:00Z")), (13, 14));
        let instant = |local: DateTime| berlin.instant(local).unwrap().to_string();
        assert_eq!(instant(date(2026, 3, 29).at(2, 30, 0, 0)), "2026-03-29T01:30:00Z", "never shown: 03:30 comes instead");
        assert_eq!(instant(date(2026, 10, 25).at(2, 30, 0, 0)), "2026-10-25T00:30:00Z", "shown twice: the first time");
    }

    #[test]
    fn without_a_zone_it_is_utc_and_a_damaged_one_is_an_error() {
        let scratch = Scratch::new();
        let noon: Timestamp = "2026-07-01T12:00:00Z".parse().unwrap();
        assert_eq!(Zone::of(&scratch.join("none")).unwrap().local(noon).hour(), 12);
        std::fs::write(scratch.join("half"), &tzif("CST-8")[..60]).unwrap();
        for path in ["half", "."] {
            let error = Zone::of(&scratch.join(path)).err().unwrap();
            assert!(error.to_string().starts_with("the time zone ") && !error.remedy().is_empty(), "{error}");
        }
    }

    #[test]
    fn this_device_has_a_zone() {
        assert!(Zone::of_this_device().is_ok());
    }
}
