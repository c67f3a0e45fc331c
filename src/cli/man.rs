//! `cgwd man [PAGE]`: the manual pages, generated from the command line and from the table of the configuration, so that
//! they say what this program does. The packages hold what this command prints.

mod command;
mod configuration;

use super::Context;
use super::exit::{Exit, Failure};
use roff::{Inline, Roff, bold, italic, roman};
use serde_json::json;

#[derive(Debug, clap::Args)]
pub struct ManArgs {
    /// Which page: the commands, or the configuration file
    #[arg(default_value = "cgwd")]
    page: Page,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Page {
    /// cgwd(8), the commands
    #[value(name = "cgwd")]
    Command,
    /// cgwd.toml(5), the configuration file
    #[value(name = "cgwd.toml")]
    Configuration,
}

pub fn run(context: &Context, arguments: &ManArgs) -> Result<Exit, Failure> {
    let (name, section, page) = match arguments.page {
        Page::Command => ("cgwd", "8", command::page(&super::command_line())),
        Page::Configuration => ("cgwd.toml", "5", configuration::page()),
    };
    let text = page.render();
    context.output.result(&json!({"schema": 1, "name": name, "section": section, "roff": text}), |_| text.clone());
    Ok(Exit::Done)
}

/// A page begun with its title. It bears no date: the version says how old it is, and two builds give the same page.
fn titled(name: &str, section: &str, manual: &str) -> Roff {
    let mut page = Roff::new();
    page.control("TH", [name, section, " ", concat!("cgwd ", env!("CARGO_PKG_VERSION")), manual]);
    // Neither hyphenated nor stretched: both spoil commands and keys.
    page.control("nh", []).control("ad", ["l"]);
    page
}

fn section(page: &mut Roff, title: &str) {
    page.control("SH", [title]);
}

fn paragraphs(page: &mut Roff, texts: &[&str]) {
    for (index, text) in texts.iter().enumerate() {
        if index > 0 {
            page.control("PP", []);
        }
        page.text(marked(text));
    }
}

/// A term and what it means.
fn item(page: &mut Roff, term: Vec<Inline>, meaning: &str) {
    page.control("TP", []).text(term);
    body(page, meaning);
}

/// Prose, in which lines that begin with a space are kept as they are: lists of words and their meanings.
fn body(page: &mut Roff, text: &str) {
    let mut kept = false;
    for line in text.lines() {
        let keep = line.starts_with(' ');
        match (kept, keep) {
            (false, true) => page.control("nf", []),
            (true, false) => page.control("fi", []),
            _ => page,
        };
        kept = keep;
        page.text(marked(line));
    }
    if kept {
        page.control("fi", []);
    }
}

/// What stands between backticks is bold.
fn marked(text: &str) -> Vec<Inline> {
    text.split('`').enumerate().map(|(index, part)| if index % 2 == 1 { bold(part) } else { roman(part) }).collect()
}

/// `cgwd.toml(5)`, as pages refer to each other.
fn reference(name: &str, section: &str) -> Vec<Inline> {
    vec![bold(name), roman(format!("({section})"))]
}

fn see_also(page: &mut Roff, pages: &[(&str, &str)]) {
    section(page, "SEE ALSO");
    let mut line = Vec::new();
    for (name, section) in pages {
        if !line.is_empty() {
            line.push(roman(", "));
        }
        line.extend(reference(name, section));
    }
    page.text(line);
}

fn placeholder(name: &str) -> Inline {
    italic(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::schema;

    #[test]
    fn the_page_of_the_commands_names_every_command_and_option() {
        let page = command::page(&super::super::command_line()).render().replace("\\-", "-");
        let mut seen = 0;
        let mut waiting = vec![super::super::command_line()];
        while let Some(command) = waiting.pop() {
            assert!(page.contains(command.get_name()), "no `{}` in the page", command.get_name());
            for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
                let name = argument.get_long().map_or_else(|| argument.get_id().as_str().to_uppercase(), |long| format!("--{long}"));
                assert!(page.contains(&name), "no {name} of `{}` in the page", command.get_name());
                seen += 1;
            }
            waiting.extend(command.get_subcommands().cloned());
        }
        assert!(seen > 10, "only {seen} arguments");
        for code in 0..=6 {
            assert!(page.contains(&format!(".TP\n\\fB{code}\\fR\n")), "no exit code {code}");
        }
    }

    #[test]
    fn the_page_of_the_configuration_names_every_key_with_its_default_and_example() {
        let page = configuration::page().render().replace("\\-", "-");
        for table in schema::TABLES {
            assert!(page.contains(&format!("[{}]", table.path)), "no [{}]", table.path);
            for row in table.rows {
                assert!(page.contains(&format!(".TP\n\\fB{}\\fR", row.key)), "no {}.{}", table.path, row.key);
                assert!(page.contains(&row.example.replace('\\', "\\e")), "no example of {}.{}", table.path, row.key);
            }
        }
    }

    #[test]
    fn lists_keep_their_lines() {
        let mut page = Roff::new();
        body(&mut page, "one of:\n  a  b\n  c  d\nand `more`");
        assert_eq!(page.to_roff(), "one of:\n.nf\n  a  b\n  c  d\n.fi\nand \\fBmore\\fR\n");
    }
}
