//! Reads Rust source as far as the house rules need it: which paths a module names.

use std::path::{Path as File, PathBuf};

#[derive(Debug)]
pub struct Token {
    /// An identifier, `::`, or one character; strings, characters, lifetimes and comments are left out.
    pub text: String,
    pub line: usize,
}

/// A path as written in the source, with `self` and `super` resolved so that it begins with `crate` or with a name.
#[derive(Debug)]
pub struct Path {
    pub segments: Vec<String>,
    pub line: usize,
}

pub fn rust_files(directory: &File, files: &mut Vec<PathBuf>) {
    let entries = std::fs::read_dir(directory).expect("a source directory can be listed");
    for path in entries.map(|entry| entry.expect("an entry can be read").path()) {
        if path.is_dir() {
            rust_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") && path.file_name().is_some_and(|name| name != "tests.rs") {
            files.push(path);
        }
    }
}

/// `alert/raise.rs` is `alert::raise`, `alert/mod.rs` is `alert`, `lib.rs` and `main.rs` are the crate itself.
pub fn module_of(relative: &File) -> Vec<&str> {
    let mut parts: Vec<&str> = relative.iter().map(|part| part.to_str().expect("source file names are ASCII")).collect();
    let last = parts.pop().unwrap_or_default().trim_end_matches(".rs");
    if !matches!(last, "mod" | "lib" | "main") {
        parts.push(last);
    }
    parts
}

/// Every path that the module names outside test code.
pub fn paths(module: &[&str], text: &str) -> Vec<Path> {
    let tokens = tokens(text);
    let mut reader = Reader { module: module.iter().map(|part| (*part).to_owned()).collect(), tokens: &tokens, at: 0, found: Vec::new() };
    reader.items();
    reader.found
}

/// The tokens outside test code.
pub fn tokens(text: &str) -> Vec<Token> {
    without_tests(lex(text))
}

struct Reader<'a> {
    module: Vec<String>,
    tokens: &'a [Token],
    at: usize,
    found: Vec<Path>,
}

impl Reader<'_> {
    fn items(&mut self) {
        let mut depth = 0;
        // The depth at which each inner module began.
        let mut inner: Vec<usize> = Vec::new();
        while let Some(token) = self.tokens.get(self.at) {
            match token.text.as_str() {
                "use" if self.begins_an_item() => {
                    self.at += 1;
                    self.tree(&[]);
                    continue;
                }
                "mod" if self.text(self.at + 2) == "{" => {
                    self.module.push(self.text(self.at + 1).to_owned());
                    inner.push(depth);
                    self.at += 2;
                    continue;
                }
                "{" => depth += 1,
                "}" => {
                    depth -= 1;
                    if inner.last() == Some(&depth) {
                        inner.pop();
                        self.module.pop();
                    }
                }
                _ if is_name(&token.text) && self.text(self.at + 1) == "::" => {
                    self.inline_path();
                    continue;
                }
                _ => {}
            }
            self.at += 1;
        }
    }

    /// `use` is also the keyword of precise captures (`impl Trait + use<'a>`).
    fn begins_an_item(&self) -> bool {
        self.text(self.at + 1) != "<"
    }

    /// One tree of a `use` item: `a::b`, `a::{b, c as d}`, `a::*`.
    fn tree(&mut self, before: &[String]) {
        let mut path = before.to_vec();
        let line = self.tokens.get(self.at).map_or(0, |token| token.line);
        loop {
            match self.text(self.at) {
                "::" => self.at += 1,
                "{" => {
                    self.at += 1;
                    while !matches!(self.text(self.at), "}" | "") {
                        self.tree(&path);
                        if self.text(self.at) == "," {
                            self.at += 1;
                        }
                    }
                    self.at += 1;
                    return;
                }
                "as" => self.at += 2,
                name if is_name(name) || name == "*" => {
                    path.push(name.to_owned());
                    self.at += 1;
                }
                _ => return self.name(path, line),
            }
        }
    }

    fn inline_path(&mut self) {
        let line = self.tokens[self.at].line;
        let mut path = vec![self.text(self.at).to_owned()];
        self.at += 1;
        while self.text(self.at) == "::" && is_name(self.text(self.at + 1)) {
            path.push(self.text(self.at + 1).to_owned());
            self.at += 2;
        }
        if self.text(self.at) == "::" {
            // A turbofish follows; what is in it is read as any other text.
            self.at += 1;
        }
        self.name(path, line);
    }

    fn name(&mut self, written: Vec<String>, line: usize) {
        let supers = written.iter().take_while(|part| *part == "super").count();
        let below_self = usize::from(written.first().is_some_and(|part| part == "self"));
        let segments = if supers + below_self == 0 {
            written
        } else {
            let supers = written.iter().skip(below_self).take_while(|part| *part == "super").count();
            let stem = &self.module[..self.module.len().saturating_sub(supers)];
            let rest = written.iter().skip(below_self + supers);
            std::iter::once("crate".to_owned()).chain(stem.iter().cloned()).chain(rest.cloned()).collect()
        };
        self.found.push(Path { segments, line });
    }

    fn text(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |token| &token.text)
    }
}

fn is_name(text: &str) -> bool {
    text.starts_with(|letter: char| letter.is_alphabetic() || letter == '_')
}

/// Drops each item under `#[cfg(test)]`.
fn without_tests(tokens: Vec<Token>) -> Vec<Token> {
    const MARK: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let marked = tokens[at..].iter().map(|token| token.text.as_str()).take(MARK.len()).eq(MARK);
        if marked {
            at = end_of_item(&tokens, at + MARK.len());
        } else {
            kept.push(Token { text: tokens[at].text.clone(), line: tokens[at].line });
            at += 1;
        }
    }
    kept
}

/// An item ends with a semicolon, or with the brace that closes its first.
fn end_of_item(tokens: &[Token], start: usize) -> usize {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate().skip(start) {
        match token.text.as_str() {
            "{" | "(" | "[" => depth += 1,
            "}" | ")" | "]" => depth -= 1,
            _ => {}
        }
        let use_group = tokens.get(at + 1).is_some_and(|next| next.text == ";");
        if depth == 0 && (token.text == ";" || token.text == "}" && !use_group) {
            return at + 1;
        }
    }
    tokens.len()
}

fn lex(text: &str) -> Vec<Token> {
    let letters: Vec<char> = text.chars().collect();
    let (mut tokens, mut at, mut line) = (Vec::new(), 0, 1);
    while at < letters.len() {
        let end = skip(&letters, at).unwrap_or(at);
        if end == at {
            let end = word(&letters, at);
            if !letters[at].is_whitespace() {
                tokens.push(Token { text: letters[at..end].iter().collect(), line });
            }
            line += letters[at..end].iter().filter(|letter| **letter == '\n').count();
            at = end;
        } else {
            line += letters[at..end].iter().filter(|letter| **letter == '\n').count();
            at = end;
        }
    }
    tokens
}

/// The end of an identifier, a `::`, or one character.
fn word(letters: &[char], at: usize) -> usize {
    let part = |letter: &&char| letter.is_alphanumeric() || **letter == '_';
    match letters[at] {
        ':' if letters.get(at + 1) == Some(&':') => at + 2,
        first if part(&&first) => at + letters[at..].iter().take_while(part).count(),
        _ => at + 1,
    }
}

/// The end of what begins here and says nothing: a comment, a string, a character, a lifetime.
fn skip(letters: &[char], at: usize) -> Option<usize> {
    let rest = &letters[at..];
    let after_word = at > 0 && (letters[at - 1].is_alphanumeric() || letters[at - 1] == '_');
    match rest {
        ['/', '/', ..] => Some(at + rest.iter().position(|letter| *letter == '\n').unwrap_or(rest.len())),
        ['/', '*', ..] => Some(at + block_comment(rest)),
        ['r', '"' | '#', ..] if !after_word => raw_string(rest, 1).map(|length| at + length),
        ['b', 'r', '"' | '#', ..] if !after_word => raw_string(rest, 2).map(|length| at + length),
        ['"', ..] => Some(at + quoted(rest, '"')),
        ['\'', '\\', ..] => Some(at + quoted(rest, '\'')),
        ['\'', _, '\'', ..] => Some(at + 3),
        ['\'', ..] => Some(at + 1 + rest[1..].iter().take_while(|letter| letter.is_alphanumeric() || **letter == '_').count()),
        _ => None,
    }
}

fn block_comment(rest: &[char]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        match &rest[at..] {
            ['/', '*', ..] => (depth, at) = (depth + 1, at + 2),
            ['*', '/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// `r"…"`, `r#"…"#`; `None` for a raw identifier (`r#type`).
fn raw_string(rest: &[char], prefix: usize) -> Option<usize> {
    let hashes = rest[prefix..].iter().take_while(|letter| **letter == '#').count();
    let start = prefix + hashes;
    if rest.get(start) != Some(&'"') {
        return None;
    }
    let end: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
    let length = rest[start + 1..].windows(end.len()).position(|window| window == end)?;
    Some(start + 1 + length + end.len())
}

fn quoted(rest: &[char], quote: char) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != quote {
        at += if rest[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(rest.len())
}
