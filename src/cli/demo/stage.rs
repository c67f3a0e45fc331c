//! How the demo is shown: scene by scene to a person, or as one document.

use crate::cli::exit::Failure;
use crate::cli::output::{Output, Tone};
use serde_json::{Map, Value, json};
use tokio::time::Instant;

/// Width of the words at the beginning of a line.
const LABEL: usize = 13;

pub struct Stage<'a> {
    pub output: &'a Output,
    step: bool,
    scene: usize,
    document: Map<String, Value>,
    started: Instant,
}

impl<'a> Stage<'a> {
    pub fn new(output: &'a Output, step: bool) -> Stage<'a> {
        let document = Map::from_iter([("schema".to_owned(), json!(1))]);
        Stage { output, step, scene: 0, document, started: Instant::now() }
    }

    /// Begins a scene; with `--step`, when the person has read the one before.
    pub async fn scene(&mut self, title: &str) -> Result<(), Failure> {
        if self.step && self.scene > 0 {
            self.output.progress(&self.output.paint(Tone::Quiet, "\n   Enter goes on, Ctrl-C ends"));
            enter_pressed().await?;
        }
        self.scene += 1;
        self.print(&format!("\n{}\n", self.output.paint(Tone::Strong, &format!("{}. {title}", self.scene))));
        Ok(())
    }

    pub fn print(&self, text: &str) {
        if !self.output.json {
            self.output.text(text);
        }
    }

    /// A line that begins with a word of what it is about; further lines of the text stand below its first.
    pub fn line(&self, label: &str, text: &str) {
        let below = format!("\n{:width$}", "", width = LABEL + 4);
        let label = self.output.paint(Tone::Quiet, &format!("{label:<LABEL$}"));
        self.print(&format!("   {label} {}\n", text.trim_end().replace('\n', &below)));
    }

    /// Text of another command, set in.
    pub fn quote(&self, text: &str) {
        let lines = text.trim_end().lines().map(|line| if line.is_empty() { "\n".to_owned() } else { format!("      {line}\n") });
        self.print(&lines.collect::<String>());
    }

    pub fn note(&mut self, key: &str, value: Value) {
        self.document.insert(key.to_owned(), value);
    }

    pub fn close(mut self) {
        let took = self.started.elapsed();
        if self.output.json {
            self.note("millis", json!(u64::try_from(took.as_millis()).unwrap_or(u64::MAX)));
            self.output.document(&Value::Object(self.document));
        } else if !self.step {
            self.print(&self.output.paint(Tone::Quiet, &format!("\nThe demo took {:.1} s.\n", took.as_secs_f32())));
        }
    }
}

/// On a thread of its own: the daemon goes on meanwhile.
async fn enter_pressed() -> Result<(), Failure> {
    let read = tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new()));
    match read.await {
        Ok(read) => read.map(drop).map_err(Failure::system),
        Err(error) => Err(Failure::failed(format!("the terminal cannot be read: {error}"))),
    }
}
