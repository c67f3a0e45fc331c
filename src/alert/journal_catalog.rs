//! The catalogue as journald's message catalogue (<https://systemd.io/CATALOG/>), so that `journalctl -x` explains an alert
//! where it stands. systemd/cgwd.catalog and systemd/cgwd.zh_CN.catalog are made from this.

use super::catalogue::{CATALOGUE, Event};
use super::chinese;
use std::fmt::Write;

/// Columns of the English text; journalctl puts a mark before each line.
const WIDTH: usize = 76;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    English,
    Chinese,
}

/// The words that explain one event.
struct Words {
    subject: &'static str,
    text: &'static str,
    safe: &'static str,
    remedy: &'static str,
}

/// The whole file. journald takes the language from the file's name, and the English one where there is no better.
pub fn journal_catalog(language: Language) -> String {
    let mut file =
        String::from("# What `journalctl -x` tells of cgwd's alerts. Made from the alert catalogue in the source; don't edit.\n");
    for event in CATALOGUE {
        // Writing to a String can't fail.
        let _ = write!(file, "\n{}", entry(event, language));
    }
    file
}

fn entry(event: &Event, language: Language) -> String {
    let Words { subject, text, safe, remedy } = words(event, language);
    let head = format!("-- {}\nSubject: {subject}\nDefined-By: cgwd\nDocumentation: man:cgwd(8)\n", event.message_id);
    match language {
        Language::English => {
            let paragraphs = [text.to_owned(), format!("What is safe: {safe}"), format!("What to do: {remedy}.")];
            let paragraphs = paragraphs.map(|paragraph| wrapped(&paragraph));
            format!("{head}\n{}\n", paragraphs.join("\n\n"))
        }
        // Chinese has no spaces to break at.
        Language::Chinese => format!("{head}\n{text}\n\n安全的操作：{safe}\n\n处理办法：{remedy}。\n"),
    }
}

fn words(event: &Event, language: Language) -> Words {
    // Untranslated is better than unexplained; a test sees to it that every event is translated.
    match chinese::find(event.code).filter(|_| language == Language::Chinese) {
        Some(chinese) => Words { subject: chinese.subject, text: chinese.text, safe: chinese.safe, remedy: chinese.remedy },
        None => Words { subject: event.subject, text: event.text, safe: event.safe, remedy: event.remedy },
    }
}

fn wrapped(paragraph: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for word in paragraph.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::super::chinese::CHINESE;
    use super::*;

    #[test]
    fn every_event_is_explained_in_chinese_in_the_same_order() {
        let codes: Vec<_> = CATALOGUE.iter().map(|event| event.code).collect();
        let translated: Vec<_> = CHINESE.iter().map(|event| event.code).collect();
        assert_eq!(translated, codes);
    }

    #[test]
    fn the_chinese_is_chinese_and_names_the_same_things_to_type() {
        let typed = |text: &str| text.split('`').skip(1).step_by(2).map(str::to_owned).collect::<std::collections::BTreeSet<_>>();
        for (event, chinese) in CATALOGUE.iter().zip(CHINESE) {
            for text in [chinese.subject, chinese.text, chinese.safe, chinese.remedy] {
                assert!(text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c)), "{}: {text}", event.code);
            }
            assert!(chinese.text.ends_with('。') && chinese.safe.ends_with('。') && !chinese.remedy.ends_with('。'), "{}", event.code);
            let pairs = [(event.text, chinese.text), (event.safe, chinese.safe), (event.remedy, chinese.remedy)];
            for (english, chinese) in pairs {
                assert_eq!(typed(chinese), typed(english), "{}", event.code);
            }
        }
    }

    #[test]
    fn an_entry_has_a_head_and_wrapped_paragraphs() {
        let entry = entry(super::super::catalogue::event("clock.jumped"), Language::English);
        assert_eq!(
            entry,
            "-- 1f4768763f7b4e9fbd4aa4b123a82bec\nSubject: the clock jumped or the device slept\nDefined-By: cgwd\n\
             Documentation: man:cgwd(8)\n\nTime passed that cgwd did not see, or the wall clock was set. Everything is\n\
             read afresh before anything is written.\n\nWhat is safe: Everything.\n\nWhat to do: nothing to do after a suspend \
             or the first time synchronisation;\notherwise look at the time service.\n"
        );
    }

    #[test]
    fn no_line_can_be_taken_for_something_else() {
        for language in [Language::English, Language::Chinese] {
            let file = journal_catalog(language);
            let heads = file.lines().filter(|line| line.starts_with("-- ")).count();
            assert_eq!(heads, CATALOGUE.len());
            // `@NAME@` would be replaced by a field of the entry, and `#` begins a comment.
            let is_plain = |line: &str| !line.starts_with('#') && line.matches('@').count() < 2;
            assert!(file.lines().skip(1).all(is_plain));
        }
    }
}
