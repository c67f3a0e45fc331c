//! The cloud's error codes and what each one means to us.
//!
//! Sources are named as in cloud/api.md: section first, then the upstream text it was read from.
//! Codes are compared without regard to case and, where the cloud has families, by prefix or suffix;
//! the first row that matches decides (cloud/api.md 1.5).

/// What a refused call was refused for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// Something with the same unique property exists.
    AlreadyExists,
    QuotaFull,
    /// Something else still refers to the object.
    InUse,
    /// The instance that the call names does not exist. Never said of a 403.
    NotFound,
    /// Another change is running on the same object; wait and send the same call again.
    Busy,
    /// An earlier call with the same ClientToken is still being worked on.
    StillProcessing,
    Throttled,
    /// Trouble on the cloud's side; the call may have had its effect.
    Transient,
    /// A copy of the same signed request arrived earlier.
    NonceUsed,
    /// Our clock and the cloud's differ by more than 15 minutes.
    Clock,
    /// The session token is expired or malformed; a new one may work.
    SessionToken,
    /// The access key itself is not accepted.
    AccessKey,
    /// The secret does not fit the key, or we canonicalised wrongly.
    Signature,
    Forbidden,
    /// The ClientToken was used before, with other parameters.
    TokenReused,
    /// An earlier call with this ClientToken failed, and the cloud answers that for ever.
    TokenFailed,
    /// Not an error: a dry run was accepted.
    DryRunAccepted,
    Unpaid,
    /// The cloud does not say what went wrong, nor whether anything happened.
    Unexplained,
    /// The region does not exist.
    NoSuchRegion,
    /// A parameter or operation that the cloud does not accept.
    Rejected,
}

/// How a row recognises a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pattern {
    Exact(&'static str),
    Starts(&'static str),
    Ends(&'static str),
    Around(&'static str, &'static str),
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct ErrorFact {
    pub pattern: Pattern,
    pub meaning: Meaning,
    /// What an operator can do.
    pub remedy: &'static str,
    /// Where this was read.
    pub source: &'static str,
}

/// The row for a code; `None` for a code nobody has written down.
pub fn fact(code: &str) -> Option<&'static ErrorFact> {
    ERRORS.iter().find(|row| row.pattern.matches(code))
}

impl Pattern {
    pub fn matches(self, code: &str) -> bool {
        match self {
            Pattern::Exact(text) => code.eq_ignore_ascii_case(text),
            Pattern::Starts(start) => starts(code, start),
            Pattern::Ends(end) => ends(code, end),
            Pattern::Around(start, end) => code.len() >= start.len() + end.len() && starts(code, start) && ends(code, end),
        }
    }
}

fn starts(code: &str, start: &str) -> bool {
    code.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start))
}

fn ends(code: &str, end: &str) -> bool {
    code.len().checked_sub(end.len()).and_then(|at| code.get(at..)).is_some_and(|tail| tail.eq_ignore_ascii_case(end))
}

/// The code of DescribeCustomerGateway for an id that does not exist (cloud/api.md 2.1; help.aliyun.com 53036).
pub const CUSTOMER_GATEWAY_NOT_FOUND: &str = "InvalidCustomerGatewayInstanceId.NotFound";
/// The code of DescribeVpnGateway for an id that does not exist (cloud/api.md 2.2; AlibabaCloudDocs/vpn, 2021).
pub const VPN_GATEWAY_NOT_FOUND: &str = "InvalidVpnGatewayInstanceId.NotFound";
/// The code of DescribeVpnConnection for an id that does not exist (cloud/api.md 2.3; AlibabaCloudDocs/vpn, 2021).
pub const VPN_CONNECTION_NOT_FOUND: &str = "InvalidVpnConnectionInstanceId.NotFound";

use Meaning::*;
use Pattern::{Around, Ends, Exact, Starts};

const fn row(pattern: Pattern, meaning: Meaning, remedy: &'static str, source: &'static str) -> ErrorFact {
    ErrorFact { pattern, meaning, remedy, source }
}

const WAIT: &str = "another change is running; it is tried again by itself";
const RIGHTS: &str =
    "give the RAM user or role the missing right, and check that its source-address restrictions list this device's address";
const KEY: &str = "check the AccessKey pair: it must exist and be active, and belong to the right account";

/// Every code we know, most special first.
pub const ERRORS: &[ErrorFact] = &[
    // The objects themselves.
    row(
        Exact("InvalidIpAddress.AlreadyExist"),
        AlreadyExists,
        "another customer gateway of this account and region has this address; adopt it or delete it",
        "cloud/api.md 1.3; AlibabaCloudDocs/vpn CreateCustomerGateway.md, 2021",
    ),
    row(Ends(".AlreadyExist"), AlreadyExists, "look for the object that is already there", "cloud/api.md 1.3; AlibabaCloudDocs/vpn, 2021"),
    row(
        Exact("InvalidVpnConnection.AlreadyExists"),
        AlreadyExists,
        "a connection with this customer gateway and these subnets is on the VPN gateway already; look which one",
        "cloud/api.md 2.3; AlibabaCloudDocs/vpn CreateVpnConnection.md, 2021",
    ),
    row(
        Ends(".AlreadyExists"),
        AlreadyExists,
        "look for the object that is already there",
        "cloud/api.md 2.3; AlibabaCloudDocs/vpn CreateVpnConnection.md, 2021",
    ),
    row(
        Exact("Resource.QuotaFull"),
        QuotaFull,
        "delete what is no longer used, or ask for a higher quota (per region 100 customer gateways, not adjustable; per VPN gateway \
         10 connections and 20 destination routes)",
        "cloud/api.md 1.3, 2.3, 2.5, 3.1; AlibabaCloudDocs/vpn CreateCustomerGateway.md and Limits.md, 2021",
    ),
    row(
        Exact("QuotaExceeded.PolicyBasedRoute"),
        QuotaFull,
        "the VPN gateway has all its policy routes (20); delete one that is no longer used",
        "cloud/api.md 2.3, 3.1; AlibabaCloudDocs/vpn CreateVpnConnection.md and Limits.md, 2021",
    ),
    row(
        Starts("QuotaExceeded"),
        QuotaFull,
        "delete what is no longer used, or ask for a higher quota",
        "cloud/api.md 2.3; AlibabaCloudDocs/vpn, 2021",
    ),
    row(
        Starts("DependencyViolation"),
        InUse,
        "an IPsec connection still refers to it; look which one, and point it elsewhere first",
        "cloud/api.md 1.3; help.aliyun.com 53036",
    ),
    row(
        Exact("OperationFailed.RouteTableAssociationExist"),
        InUse,
        "a route table of the transit router is still associated with the attachment",
        "cloud/api.md 4.1; help.aliyun.com 443992",
    ),
    row(
        Exact("OperationFailed.RouteEntryExist"),
        InUse,
        "a static route of the transit router still points to the attachment; take it out first",
        "cloud/api.md 4.1; help.aliyun.com 443992",
    ),
    row(Around("Invalid", "InstanceId.NotFound"), NotFound, "it does not exist in this region", "cloud/api.md 3; help.aliyun.com 53036"),
    row(
        Exact("InvalidRouteEntry.NotFound"),
        NotFound,
        "the route does not exist",
        "cloud/api.md 2.5; terraform-provider-alicloud resource_alicloud_vpn_route_entry.go:280",
    ),
    // Changes that run (cloud/api.md 1.5).
    row(
        Exact("VpnGateway.FinancialLocked"),
        Unpaid,
        "the VPN gateway is locked for an unpaid bill",
        "cloud/api.md 1.5; AlibabaCloudDocs/vpn, 2021",
    ),
    row(Exact("VpnGateway.task.conflict"), Busy, WAIT, "cloud/api.md 1.5; help.aliyun.com 53036"),
    row(
        Ends(".Configuring"),
        Busy,
        WAIT,
        "cloud/api.md 1.5; terraform-provider-alicloud resource_alicloud_vpn_connection.go:698; help.aliyun.com 443995",
    ),
    row(Exact("TaskConflict"), Busy, WAIT, "cloud/api.md 1.5; terraform-provider-alicloud resource_alicloud_vpn_connection.go:698"),
    row(Exact("VpnTask.CONFLICT"), Busy, WAIT, "cloud/api.md 1.5; terraform-provider-alicloud resource_alicloud_vpn_connection.go:698"),
    row(
        Exact("OperationConflict"),
        Busy,
        WAIT,
        "cloud/api.md 1.3; terraform-provider-alicloud resource_alicloud_vpn_customer_gateway.go:96",
    ),
    row(
        Starts("IncorrectStatus"),
        Busy,
        WAIT,
        "cloud/api.md 1.5; terraform-provider-alicloud resource_alicloud_cen_transit_router_vpn_attachment.go:172",
    ),
    row(
        Exact("Operation.Blocking"),
        Busy,
        WAIT,
        "cloud/api.md 1.5; terraform-provider-alicloud resource_alicloud_cen_transit_router_vpn_attachment.go:172",
    ),
    row(
        Exact("OperationFailed.AllocateCidrFailed"),
        Busy,
        WAIT,
        "cloud/api.md 1.5; terraform-provider-alicloud resource_alicloud_cen_transit_router_vpn_attachment.go:172",
    ),
    // ClientToken (cloud/api.md 1.4).
    row(
        Exact("IdempotentProcessing"),
        StillProcessing,
        "the first try of this call is still running; it is tried again by itself",
        "reliability.md 0.2; bosh-alicloud-cpi #44",
    ),
    row(
        Exact("LastTokenProcessing"),
        StillProcessing,
        "the first try of this call is still running; it is tried again by itself",
        "reliability.md 0.2; terraform-provider-alicloud #9700",
    ),
    row(
        Exact("IdempotentParameterMismatch"),
        TokenReused,
        "look what the first call with this token made before anything else is tried",
        "cloud/api.md 1.4; help.aliyun.com 36569",
    ),
    row(
        Exact("IdempotentFailed"),
        TokenFailed,
        "a new token is needed, once it is certain that the first call made nothing",
        "reliability.md 0.2; bosh-alicloud-cpi-release #105",
    ),
    // Rates and the cloud's own trouble (cloud/api.md 3).
    row(
        Starts("Throttling"),
        Throttled,
        "the account's rate limit is reached; it is tried again by itself",
        "cloud/api.md 3; help.aliyun.com api-vpc-2016-04-28-quota-vpns",
    ),
    row(
        Exact("Rejected.Throttling"),
        Throttled,
        "the account's rate limit is reached; it is tried again by itself",
        "cloud/api.md 3; terraform-provider-alicloud errors.go",
    ),
    row(
        Exact("InternalError"),
        Transient,
        "trouble on the cloud's side; it is tried again by itself",
        "cloud/api.md 3; help.aliyun.com 443995 (DeleteVpnAttachment answers it with status 400)",
    ),
    row(Starts("ServiceUnavailable"), Transient, "trouble on the cloud's side; it is tried again by itself", "cloud/api.md 3"),
    row(
        Exact("UnknownError"),
        Unexplained,
        "the cloud does not say what is wrong; give its support the RequestId",
        "cloud/api.md 3; terraform-provider-alicloud #996",
    ),
    // Who we are and when (cloud/api.md 3).
    row(
        Exact("SignatureNonceUsed"),
        NonceUsed,
        "a copy of this request arrived before; it is signed anew by itself",
        "cloud/api.md 3; reliability.md fault 27",
    ),
    row(Starts("InvalidTimeStamp"), Clock, "set this device's clock (NTP); the cloud accepts 15 minutes of difference", "cloud/api.md 3"),
    row(Starts("InvalidSecurityToken"), SessionToken, "the session token is fetched anew by itself", "cloud/api.md 3"),
    row(
        Exact("MissingSecurityToken"),
        SessionToken,
        "these keys need a session token: set ALIBABA_CLOUD_SECURITY_TOKEN too",
        "cloud/api.md 3",
    ),
    row(Starts("InvalidAccessKeyId"), AccessKey, KEY, "cloud/api.md 3"),
    row(Exact("Forbidden.AccessKeyDisabled"), AccessKey, KEY, "cloud/api.md 3"),
    row(
        Exact("SignatureDoesNotMatch"),
        Signature,
        "the AccessKey secret does not fit the AccessKey id",
        "cloud/api.md 3; public signature page",
    ),
    row(Exact("IncompleteSignature"), Signature, "please report this as a fault of cgwd, with the RequestId", "cloud/api.md 3"),
    row(Starts("Forbidden"), Forbidden, RIGHTS, "cloud/api.md 3; AlibabaCloudDocs/vpn, 2021"),
    row(Starts("Forbbiden"), Forbidden, RIGHTS, "cloud/api.md 2.1 (spelt so); AlibabaCloudDocs/vpn, 2021"),
    row(Starts("NoPermission"), Forbidden, RIGHTS, "cloud/api.md 3"),
    // The call.
    row(Exact("DryRunOperation"), DryRunAccepted, "nothing to do: the dry run was accepted", "cloud/api.md 3"),
    row(
        Exact("InvalidRegionId.NotFound"),
        NoSuchRegion,
        "this region does not exist: check [cloud] region against `DescribeRegions`",
        "cloud/api.md 3",
    ),
    row(
        Exact("VpnConnection.InvalidCreateTunnelOptions"),
        Rejected,
        "a single-tunnel connection for a transit router can no longer be created",
        "cloud/api.md 2.4; terraform-provider-alicloud resource_alicloud_vpn_gateway_vpn_attachment_test.go:2024",
    ),
    row(
        Exact("InvalidIpAddress.WrongFormat"),
        Rejected,
        "the cloud refuses this address for a customer gateway",
        "cloud/api.md 2.1; AlibabaCloudDocs/vpn CreateCustomerGateway.md, 2021",
    ),
    row(Exact("InvalidName"), Rejected, "[gateway] name: 1-100 characters, not starting with http:// or https://", "cloud/api.md 2.1"),
    row(
        Exact("InvalidDescription"),
        Rejected,
        "[gateway] description: 1-100 characters, not starting with http:// or https://",
        "cloud/api.md 2.1",
    ),
    row(Exact("InvalidProtocol.NeedSsl"), Rejected, "the API wants https: check [cloud] endpoint", "cloud/api.md 3"),
    row(Starts("MissingParameter"), Rejected, "please report this as a fault of cgwd, with the RequestId", "cloud/api.md 3"),
    row(Starts("InvalidParameter"), Rejected, "the cloud refuses a parameter; its message says which", "cloud/api.md 3"),
    row(Starts("IllegalParam"), Rejected, "the cloud refuses a parameter; its message says which", "cloud/api.md 2.3"),
    row(Exact("InvalidApi.NotFound"), Rejected, "this endpoint does not serve the call: check [cloud] endpoint", "cloud/api.md 3"),
    row(Exact("InvalidSignatureMethod"), Rejected, "please report this as a fault of cgwd, with the RequestId", "cloud/api.md 3"),
    row(Exact("UnsupportedHTTPMethod"), Rejected, "please report this as a fault of cgwd, with the RequestId", "cloud/api.md 3"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn meaning(code: &str) -> Option<Meaning> {
        fact(code).map(|row| row.meaning)
    }

    #[test]
    fn codes_are_found_without_regard_to_case_and_by_family() {
        assert_eq!(meaning("throttling.USER"), Some(Throttled));
        assert_eq!(meaning("Throttling"), Some(Throttled));
        assert_eq!(meaning("Appliance.Configuring"), Some(Busy));
        assert_eq!(meaning("vpntask.conflict"), Some(Busy));
        assert_eq!(meaning("VPNGATEWAY.TASK.CONFLICT"), Some(Busy));
        assert_eq!(meaning("InvalidVpnConnection.AlreadyExists"), Some(AlreadyExists));
        assert_eq!(meaning("NobodyWroteThisDown"), None);
        assert_eq!(meaning(""), None);
        assert_eq!(meaning("ß"), None);
    }

    #[test]
    fn only_instances_are_not_found() {
        for code in [CUSTOMER_GATEWAY_NOT_FOUND, VPN_GATEWAY_NOT_FOUND, VPN_CONNECTION_NOT_FOUND] {
            assert_eq!(meaning(code), Some(NotFound), "{code}");
        }
        assert_eq!(meaning("InvalidAccessKeyId.NotFound"), Some(AccessKey));
        assert_eq!(meaning("InvalidRegionId.NotFound"), Some(NoSuchRegion));
        assert_eq!(meaning("InvalidApi.NotFound"), Some(Rejected));
        assert_eq!(meaning("Something.NotFound"), None);
    }

    #[test]
    fn every_row_is_reachable_has_a_remedy_and_a_source() {
        for row in ERRORS {
            let sample = match row.pattern {
                Exact(code) | Starts(code) => code.to_owned(),
                Ends(end) => format!("Sample{end}"),
                Around(start, end) => format!("{start}Sample{end}"),
            };
            let found = fact(&sample).map(|hit| hit.pattern);
            assert_eq!(found, Some(row.pattern), "an earlier row hides {sample}");
            assert!(!row.remedy.is_empty() && row.source.contains(".md"), "{sample}");
        }
    }
}
