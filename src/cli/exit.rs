//! Exit codes, and the errors that end a command.

use super::simulate::SimulateError;
use crate::cloud::error::CloudError;
use crate::daemon::with_causes;
use crate::execute::ExecuteError;
use crate::journal::JournalError;
use crate::model::Finding;

/// The exit codes of product.md 5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Done = 0,
    Failed = 1,
    Usage = 2,
    /// This device's address or ASN is unusable.
    Unusable = 3,
    /// A change is needed and was not made.
    ChangeNeeded = 4,
    /// Refused by a gate or by the person.
    Refused = 5,
    /// Interrupted; the next start goes on.
    Interrupted = 6,
}

/// Why a command ended without its result.
#[derive(Debug)]
pub struct Failure {
    pub exit: Exit,
    pub message: String,
    pub remedy: String,
    /// The cloud's error code and RequestId, where the cloud refused.
    pub code: Option<String>,
    pub request_id: Option<String>,
    /// What kind of failure it is, as the other documents say it.
    pub findings: Vec<Finding>,
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> std::process::ExitCode {
        std::process::ExitCode::from(exit as u8)
    }
}

impl Exit {
    /// Of findings that block: an unusable address or ASN is the device's own matter, everything else a gate's.
    pub fn of_blocked<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> Exit {
        let unusable = |finding: &&Finding| finding.code.starts_with("address.") || finding.code.starts_with("asn.");
        let errors: Vec<&Finding> = findings.into_iter().filter(|finding| finding.is_error()).collect();
        if errors.iter().any(unusable) { Exit::Unusable } else { Exit::Refused }
    }
}

impl Failure {
    pub fn new(exit: Exit, message: impl Into<String>, remedy: impl Into<String>) -> Failure {
        Failure { exit, message: message.into(), remedy: remedy.into(), code: None, request_id: None, findings: Vec::new() }
    }

    pub fn failed(message: impl Into<String>) -> Failure {
        Failure::new(Exit::Failed, message, "")
    }

    /// Findings that close a gate.
    pub fn gate(findings: Vec<Finding>) -> Failure {
        let told = |of: &dyn Fn(&Finding) -> &str| findings.iter().map(of).collect::<Vec<_>>().join("; ");
        let (message, remedy) = (told(&|finding| &finding.message), told(&|finding| &finding.remedy));
        Failure { findings, ..Failure::new(Exit::Refused, message, remedy) }
    }

    /// Something that the operating system refused.
    pub fn system(error: impl std::error::Error) -> Failure {
        Failure::failed(with_causes(&error))
    }
}

impl From<CloudError> for Failure {
    fn from(error: CloudError) -> Failure {
        let finding = Finding::error(error.finding_code(), error.to_string(), error.remedy.clone());
        Failure {
            findings: vec![finding],
            exit: Exit::Failed,
            message: error.to_string(),
            remedy: error.remedy.clone(),
            code: Some(error.code).filter(|code| !code.is_empty()),
            request_id: error.request_id,
        }
    }
}

impl From<JournalError> for Failure {
    fn from(error: JournalError) -> Failure {
        // Trying again helps only where the disk is at fault; the unit goes by this.
        let exit = if matches!(error, JournalError::Newer { .. }) { Exit::Refused } else { Exit::Failed };
        Failure::new(exit, with_causes(&error), error.remedy())
    }
}

impl From<SimulateError> for Failure {
    fn from(error: SimulateError) -> Failure {
        let exit = if error.is_usage() { Exit::Usage } else { Exit::Failed };
        Failure::new(exit, with_causes(&error), error.remedy())
    }
}

impl From<ExecuteError> for Failure {
    fn from(error: ExecuteError) -> Failure {
        let message = with_causes(&error);
        match error {
            ExecuteError::Cloud(error) => error.into(),
            ExecuteError::Journal(error) => error.into(),
            ExecuteError::Hidden { refusal, .. } => Failure {
                message,
                remedy: "the credentials may not see every customer gateway of the region (a policy by resource group); give them DescribeCustomerGateways on all".into(),
                ..refusal.into()
            },
            ExecuteError::Unconfirmed { .. } => Failure::new(
                Exit::Interrupted,
                message,
                "run the same command again: it looks what became of the call before it does anything else",
            ),
            ExecuteError::MarkLost { .. } => Failure::new(
                Exit::Refused,
                message,
                "somebody took the mark off meanwhile; delete it in the cloud's console if it is not wanted, and look there in a quarter of an hour: an earlier attempt whose answer was lost can still take effect",
            ),
            ExecuteError::NoSpace => Failure::new(Exit::Failed, message, crate::plan::NO_SPACE_REMEDY),
            ExecuteError::AuthKey { .. } => {
                Failure::new(Exit::Usage, message, "correct the file of `[gateway] bgp_auth_key_file`")
            }
            ExecuteError::Psk(error) => Failure::new(Exit::Usage, message, error.remedy()),
            ExecuteError::Seal(error) => Failure::new(Exit::Failed, message, error.remedy()),
            ExecuteError::Snapshot(_) => Failure::new(
                Exit::Failed,
                message,
                "keep a copy of the state directory; a connection that is deleted and not made again has its settings in it alone",
            ),
            ExecuteError::NothingOpen => Failure::new(Exit::Failed, message, "`cgwd plan` says what is wanted"),
            ExecuteError::NotInThisVersion(_) | ExecuteError::Endless => {
                Failure::new(Exit::Failed, message, "please report this with the output of `cgwd history --json`")
            }
        }
    }
}
