//! `command:PATH`: a program that prints one ASN.

use super::one_word;
use crate::model::Observation;
use crate::observe::run;
use std::path::Path;

pub async fn read(path: &Path) -> Observation<String> {
    let answer = run::program(path, &[], run::OF_THE_OPERATOR).await;
    match answer.map_err(|error| error.to_string()).and_then(|bytes| one_word(&bytes)) {
        Ok(asn) => Observation::Known(asn),
        Err(reason) => Observation::Unknown(reason),
    }
}
