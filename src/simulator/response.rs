//! What goes back: a JSON object with a RequestId, or the cloud's error envelope (cloud/api.md 3).

use serde_json::{Value, json};
use std::fmt;
use std::rc::Rc;

/// The body holds pre-shared keys where a connection is described: `Debug` shows the status and the code.
#[derive(Clone, PartialEq)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub request_id: String,
    /// The body, the RequestId apart. Shared: the same answer again is not made anew.
    pub body: Rc<Value>,
}

/// A refused call. Where cloud/api.md gives no HTTP status for a code (`n/e`), ours is 400, or 404 for `*.NotFound`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    pub status: u16,
    pub code: String,
    pub message: String,
}

/// The fields of a successful answer, without the RequestId.
pub type Reply = Result<Value, ApiError>;

impl ApiError {
    pub fn new(status: u16, code: impl Into<String>, message: impl Into<String>) -> ApiError {
        ApiError { status, code: code.into(), message: message.into() }
    }

    pub fn missing(parameter: &str) -> ApiError {
        ApiError::new(
            400,
            "MissingParameter",
            format!("The input parameter \"{parameter}\" that is mandatory for processing this request is not supplied."),
        )
    }

    /// In the family of the documented `IllegalParam.LocalSubnet`; the codes of most parameters are not documented.
    pub fn illegal(parameter: &str) -> ApiError {
        ApiError::new(400, format!("IllegalParam.{parameter}"), format!("The parameter {parameter} is invalid."))
    }

    pub fn not_found(code: &str) -> ApiError {
        ApiError::new(404, code, "The specified instance is not exist.")
    }

    pub fn no_such_api(action: &str) -> ApiError {
        ApiError::new(404, "InvalidApi.NotFound", format!("Specified api is not found, please check your url and method: {action}."))
    }
}

impl Response {
    pub fn success(request_id: String, fields: impl Into<Rc<Value>>) -> Response {
        Response::json(200, request_id, fields.into())
    }

    pub fn failure(request_id: String, host: &str, error: &ApiError) -> Response {
        let recommend = format!("https://api.aliyun.com/troubleshoot?q={}&requestId={request_id}", error.code);
        let fields = json!({"HostId": host, "Code": error.code, "Message": error.message, "Recommend": recommend});
        Response::json(error.status, request_id, fields.into())
    }

    fn json(status: u16, request_id: String, fields: Rc<Value>) -> Response {
        let headers = vec![("content-type".to_owned(), "application/json;charset=utf-8".to_owned())];
        Response { status, headers, request_id, body: fields }
    }

    pub fn is_success(&self) -> bool {
        self.status == 200
    }

    /// The error code; empty for a success.
    pub fn code(&self) -> &str {
        if self.is_success() { "" } else { self.body["Code"].as_str().unwrap_or_default() }
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Response({} {} {})", self.status, self.code(), self.body["Message"].as_str().unwrap_or_default())
    }
}
