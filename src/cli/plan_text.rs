//! What a plan says to a person, from its document: the same whoever made it, this command or the daemon.

use super::output::{Output, Tone};
use super::replace::consequences_text;
use serde_json::Value;

pub fn plan_text(output: &Output, document: &Value) -> String {
    let mut text = heading(output, document);
    text += &format!("region    {}\n", document["region"].as_str().unwrap_or("not known"));
    let gateway = &document["customer_gateway"];
    if let Some(id) = gateway["id"].as_str() {
        let asn = gateway["asn"].as_u64().map_or_else(|| "no ASN".to_owned(), |asn| format!("ASN {asn}"));
        let name = gateway["name"].as_str().map(|name| format!(" ({name})")).unwrap_or_default();
        text += &format!("gateway   {id} holds {} with {asn}{name}\n", said(&gateway["ip"]));
    }
    let decision = said(&document["decision"]);
    text += &format!("decision  {} - {}\n", output.paint(tone(decision), decision), meaning(document, decision));
    text += &steps_text(output, &document["steps"]);
    let (open, refused): (Vec<&Value>, Vec<&Value>) = rows(&document["gates"]).partition(|gate| gate["passed"] == true);
    text += &gates_text(output, "gates that refuse", Tone::Bad, &refused);
    // Where nothing is to be done there is no way through them.
    if ["replace", "blocked"].contains(&decision) {
        text += &gates_text(output, "gates that are open", Tone::Good, &open);
    }
    text + &consequences_text(document) + &findings_text(output, &document["findings"])
}

/// Device, address and ASN, one on each line.
pub fn heading(output: &Output, document: &Value) -> String {
    let address = &document["address"];
    let address = match address["value"].as_str() {
        Some(value) => {
            format!("{} from {}, {} network", output.paint(Tone::Strong, value), said(&address["source"]), said(&address["network"]))
        }
        None => output.paint(Tone::Bad, "not known"),
    };
    format!("device    {}\naddress   {address}\nasn       {}\n", said(&document["device"]), asn_text(output, document))
}

/// Which of them are destructive, and why each.
pub fn steps_text(output: &Output, steps: &Value) -> String {
    let lines = rows(steps).map(|step| {
        let strategy = step["strategy"].as_str().map(|strategy| format!(" [{strategy}]")).unwrap_or_default();
        let mark = if step["destructive"] == true { output.paint(Tone::Caution, " (interrupts or removes)") } else { String::new() };
        let (id, action, target) = (said(&step["id"]), said(&step["action"]), said(&step["target"]));
        format!("  {id:>2}. {action} {target}{strategy}{mark}\n      {}\n", said(&step["reason"]))
    });
    titled("steps", lines.collect())
}

pub fn findings_text(output: &Output, findings: &Value) -> String {
    titled("findings", rows(findings).map(|finding| output.finding(finding)).collect())
}

fn gates_text(output: &Output, title: &str, tone: Tone, gates: &[&Value]) -> String {
    let lines = gates.iter().map(|gate| format!("  {} {}\n", output.paint(tone, said(&gate["name"])), said(&gate["detail"])));
    titled(title, lines.collect())
}

fn titled(title: &str, lines: String) -> String {
    if lines.is_empty() { lines } else { format!("\n{title}\n{lines}") }
}

fn asn_text(output: &Output, document: &Value) -> String {
    let asn = &document["asn"];
    match asn["value"].as_u64() {
        Some(value) => {
            format!("{} ({}) from {}", output.paint(Tone::Strong, &value.to_string()), said(&asn["dotted"]), said(&asn["source"]))
        }
        None if rows(&document["findings"]).any(|finding| said(&finding["code"]).starts_with("asn.")) => {
            output.paint(Tone::Bad, "not known")
        }
        None => "none; there is no `[bgp]` table".to_owned(),
    }
}

fn tone(decision: &str) -> Tone {
    match decision {
        "in_sync" => Tone::Good,
        "create" | "adopt" => Tone::Strong,
        "replace" => Tone::Caution,
        _ => Tone::Bad,
    }
}

fn meaning(document: &Value, decision: &str) -> &'static str {
    match decision {
        "in_sync" => "the cloud's record is true",
        "create" => "no customer gateway of this device exists; `cgwd register` creates it",
        "adopt" => "a customer gateway with this address and ASN exists; `cgwd register` marks it as this device's",
        "replace" if rows(&document["gates"]).any(|gate| gate["name"] == "replacement") => {
            "a replacement is open, and what is left of it stands below; `cgwd status` shows how it stands, `cgwd replace --resume` goes on with it"
        }
        "replace" => {
            "the customer gateway holds another address or ASN, and cannot be edited; the steps below show what replacing it takes"
        }
        _ => "nothing is written, for the reasons below",
    }
}

fn rows(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

fn said(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
