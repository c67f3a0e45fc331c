//! Credentials that a program prints (mode External of the CLI's profiles; credentials-python provider/external.py).
//! The command line is split into words as a shell would, and no shell runs it. What it prints on stderr is not
//! repeated: it could be anything.

use super::session::printable;
use super::{Credentials, ProviderError};
use crate::model::{Secret, Timestamp};
use serde_json::Value;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncReadExt;

const TIME_LIMIT: Duration = Duration::from_secs(60);
const MAX_OUTPUT: u64 = 64 * 1024;

pub async fn credentials(command: &str) -> Result<Credentials, ProviderError> {
    let words = words(command).ok_or_else(|| ProviderError::lasting("process_command has an open quotation mark"))?;
    let Some((program, arguments)) = words.split_first() else { return Err(ProviderError::lasting("process_command is empty")) };
    let run = output(program, arguments);
    let output = match tokio::time::timeout(TIME_LIMIT, run).await {
        Ok(output) => output?,
        Err(_) => return Err(ProviderError::passing("process_command took longer than 60 seconds")),
    };
    read(&output)
}

async fn output(program: &str, arguments: &[String]) -> Result<Vec<u8>, ProviderError> {
    let failed = |error: std::io::Error| ProviderError::lasting(format!("process_command cannot run: {}", error.kind()));
    let mut child = tokio::process::Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(failed)?;
    let mut output = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        stdout.take(MAX_OUTPUT).read_to_end(&mut output).await.map_err(failed)?;
    }
    let status = child.wait().await.map_err(failed)?;
    if status.success() { Ok(output) } else { Err(ProviderError::lasting(format!("process_command ended with {status}"))) }
}

fn read(output: &[u8]) -> Result<Credentials, ProviderError> {
    let value: Value = serde_json::from_slice(output).map_err(|_| ProviderError::lasting("process_command printed no JSON"))?;
    let field = |name: &str| value.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let needed = |name: &str| field(name).ok_or_else(|| ProviderError::lasting(format!("process_command printed no {name}")));
    let security_token = field("sts_token").map(Secret::new);
    if field("mode") == Some("StsToken") && security_token.is_none() {
        return Err(ProviderError::lasting("process_command printed no sts_token"));
    }
    Ok(Credentials {
        security_token,
        expires: expiration(value.get("expiration"))?,
        costly: true,
        ..Credentials::lasting(needed("access_key_id")?, needed("access_key_secret")?, "program")
    })
}

/// A time in RFC 3339, or seconds since 1970; nothing, empty and 0 mean that it is not said.
fn expiration(value: Option<&Value>) -> Result<Option<Timestamp>, ProviderError> {
    let wrong = || ProviderError::lasting("process_command printed an expiration that is not a time");
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.is_empty() => Ok(None),
        Some(Value::String(text)) => match text.parse::<i64>() {
            Ok(seconds) => of_seconds(seconds).map_err(|()| wrong()),
            Err(_) => printable(text).parse().map(Some).map_err(|_| wrong()),
        },
        Some(number) => of_seconds(number.as_i64().ok_or_else(wrong)?).map_err(|()| wrong()),
    }
}

fn of_seconds(seconds: i64) -> Result<Option<Timestamp>, ()> {
    match seconds {
        0 => Ok(None),
        _ => Timestamp::from_second(seconds).map(Some).map_err(|_| ()),
    }
}

/// Splits as a POSIX shell does: quotes and backslashes, nothing else. `None` where a quotation is not closed.
fn words(command: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut letters = command.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match letters.next()? {
                        '\'' => break,
                        inside => word.push(inside),
                    }
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match letters.next()? {
                        '"' => break,
                        '\\' => match letters.next()? {
                            escaped @ ('"' | '\\') => word.push(escaped),
                            other => word.extend(['\\', other]),
                        },
                        inside => word.push(inside),
                    }
                }
            }
            '\\' => word.get_or_insert_default().push(letters.next()?),
            space if space.is_whitespace() => words.extend(word.take()),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_is_split_as_a_shell_would() {
        let split = |text: &str| words(text);
        assert_eq!(
            split(r#"/bin/a 'b c' "d \"e\"" f\ g '' h"i"j"#).as_deref(),
            Some(&["/bin/a", "b c", "d \"e\"", "f g", "", "hij"].map(String::from)[..])
        );
        assert_eq!(split("  ").as_deref(), Some(&[][..]));
        assert_eq!(split("a 'b"), None);
    }

    #[tokio::test]
    async fn a_program_speaks_json_or_is_refused_without_its_words() {
        let good = r#"/bin/echo '{"mode":"StsToken","access_key_id":"i","access_key_secret":"canary-s","sts_token":"canary-t","expiration":"2030-01-01T00:00:00Z"}'"#;
        let credentials = credentials(good).await.expect("a session");
        assert_eq!(credentials.access_key_secret.reveal(), "canary-s");
        assert_eq!(credentials.expires, "2030-01-01T00:00:00Z".parse().ok());
        assert!(!format!("{credentials:?}").contains("canary"));
        for bad in ["/bin/echo canary", "/bin/false", "/nonexistent/program", "", "/bin/echo '{\"access_key_id\":\"canary\"}'"] {
            let error = super::credentials(bad).await.expect_err(bad);
            assert!(!error.to_string().contains("canary"), "{error}");
        }
    }
}
