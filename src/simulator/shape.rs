//! From the real answer to what the caller gets to see of it.

use super::cloud::{Plain, Sight};
use super::fault::{Answer, Fault};
use super::record::CallRecord;
use super::response::Response;
use crate::cloud::transport::Body;
use crate::model::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use std::fmt;

impl Fault {
    pub(super) fn shape(&self, real: Response, call: &mut CallRecord, now: Timestamp) -> Sight {
        let now = now + self.date_skew;
        let mut plain = match &self.answer {
            Answer::Error { status, code, message, retry_after } => {
                let error = super::response::ApiError::new(*status, code.clone(), message.clone());
                let mut plain = Response::failure(real.request_id.clone(), "simulated", &error).plain(now);
                if let Some(hint) = retry_after {
                    plain.headers.push(("x-acs-retry-after".to_owned(), hint.as_millis().to_string()));
                }
                call.code = code.clone();
                plain
            }
            _ => {
                call.code = real.code().to_owned();
                real.plain(now)
            }
        };
        call.request_id = real.request_id.clone();
        call.status = plain.status;
        match &self.answer {
            Answer::Real | Answer::Error { .. } => Sight::Whole(plain),
            Answer::Garbage => {
                plain.body = Body::Bytes(b"\x00\xff<html>not what you asked for".to_vec());
                Sight::Whole(plain)
            }
            Answer::ContentType(content_type) => {
                plain.headers.retain(|(name, _)| name != "content-type");
                plain.headers.push(("content-type".to_owned(), content_type.clone()));
                Sight::Whole(plain)
            }
            Answer::Truncated => Sight::Truncated(plain),
            Answer::Cut | Answer::Unreachable => {
                (call.status, call.code, call.request_id) = (0, String::new(), String::new());
                if self.answer == Answer::Cut { Sight::Cut } else { Sight::Unreachable }
            }
        }
    }
}

impl Response {
    /// With the `Date` header.
    pub fn plain(&self, now: Timestamp) -> Plain {
        let mut headers = self.headers.clone();
        // Years beyond 9999 have no HTTP date; such a clock gets no header.
        if let Ok(date) = DateTimePrinter::new().timestamp_to_rfc9110_string(&now) {
            headers.push(("date".to_owned(), date));
        }
        Plain { status: self.status, headers, body: Body::Json { request_id: self.request_id.clone(), fields: self.body.clone() } }
    }
}

impl Plain {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// The body can hold pre-shared keys.
impl fmt::Debug for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Plain({})", self.status)
    }
}
