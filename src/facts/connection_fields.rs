//! The fields of DescribeVpnConnection's answer (cloud/api.md 2.3, Go SDK of 2026-08). What is not in here is new to us, and
//! what we don't know we can't promise to restore.

/// By the object that they are in; the empty name is the answer itself.
pub const KNOWN: &[(&str, &[&str])] = &[
    (
        "",
        &[
            "AttachInstanceId",
            "AttachType",
            "CreateTime",
            "CrossAccountAuthorized",
            "CustomerGatewayId",
            "EffectImmediately",
            "EnableDpd",
            "EnableNatTraversal",
            "EnableTunnelsBgp",
            "IkeConfig",
            "InternetIp",
            "IpsecConfig",
            "LocalSubnet",
            "Name",
            "NetworkType",
            "RemoteCaCertificate",
            "RemoteSubnet",
            "RequestId",
            "ResourceGroupId",
            "Spec",
            "State",
            "Status",
            "Tag",
            "Tags",
            "TransitRouterId",
            "TransitRouterName",
            "TunnelBandwidth",
            "TunnelOptionsSpecification",
            "VcoHealthCheck",
            "VpnBgpConfig",
            "VpnConnectionId",
            "VpnGatewayId",
            "ZoneNo",
        ],
    ),
    ("IkeConfig", IKE),
    ("IpsecConfig", IPSEC),
    ("TunnelIkeConfig", IKE),
    ("TunnelIpsecConfig", IPSEC),
    ("VpnBgpConfig", &["AuthKey", "EnableBgp", "LocalAsn", "LocalBgpIp", "PeerAsn", "PeerBgpIp", "Status", "TunnelCidr"]),
    ("TunnelBgpConfig", &["BgpStatus", "EnableBgp", "LocalAsn", "LocalBgpIp", "PeerAsn", "PeerBgpIp", "TunnelCidr"]),
    ("VcoHealthCheck", &["Dip", "Enable", "Interval", "Policy", "Retry", "Sip", "Status"]),
    (
        "TunnelOptions",
        &[
            "CustomerGatewayId",
            "EnableDpd",
            "EnableNatTraversal",
            "InternetIp",
            "RemoteCaCertificate",
            "Role",
            "State",
            "Status",
            "TunnelBgpConfig",
            "TunnelId",
            "TunnelIkeConfig",
            "TunnelIndex",
            "TunnelIpsecConfig",
            "ZoneNo",
        ],
    ),
];

const IKE: &[&str] = &["IkeAuthAlg", "IkeEncAlg", "IkeLifetime", "IkeMode", "IkePfs", "IkeVersion", "LocalId", "Psk", "RemoteId"];
const IPSEC: &[&str] = &["IpsecAuthAlg", "IpsecEncAlg", "IpsecLifetime", "IpsecPfs"];

/// Wrappers whose items or fields have a list of their own, or none that matters.
pub const UNLISTED: &[&str] = &["Tag", "Tags", "TunnelOptionsSpecification"];

/// A field of an unknown name that ends so is a report of the cloud's, not a setting.
pub const REPORTS: &[&str] = &["Status", "State", "Time", "Reason", "Message", "RequestId"];

/// What changes by itself, or is the object's own place rather than its setting: never compared.
pub const VOLATILE: &[&str] = &[
    "AttachInstanceId",
    "AttachType",
    "BgpStatus",
    "CreateTime",
    "CrossAccountAuthorized",
    "CustomerGatewayId",
    "InternetIp",
    "PeerAsn",
    "PeerBgpIp",
    "RequestId",
    "Role",
    "Spec",
    "State",
    "Status",
    "Tag",
    "Tags",
    "TransitRouterId",
    "TransitRouterName",
    "TunnelId",
    "TunnelIndex",
    "VpnConnectionId",
    "ZoneNo",
];

/// What the cloud takes where a field is left out: the connection's and each tunnel's parameters (cloud/api.md 2.3, 2.4 and 2.7),
/// the JSON texts of single-tunnel connections (cloud/api.md 2.6). A description may spell it out or not.
pub const DEFAULTS: &[(&str, &str)] = &[
    ("EffectImmediately", "false"),
    ("EnableDpd", "true"),
    ("EnableNatTraversal", "true"),
    ("EnableTunnelsBgp", "false"),
    ("VcoHealthCheck.Enable", "false"),
    ("VcoHealthCheck.Interval", "3"),
    ("VcoHealthCheck.Policy", "revoke_route"),
    ("VcoHealthCheck.Retry", "3"),
    ("VpnBgpConfig.EnableBgp", "false"),
];

/// Settings that are another object's: BGP is turned on for the whole connection, and its key is the customer gateway's
/// (cloud/api.md 1.3, 2.3).
pub const UNSENT: &[&str] = &["TunnelBgpConfig.EnableBgp", "VpnBgpConfig.AuthKey"];

/// What a dual-tunnel connection does not take for itself, but for each tunnel or not at all (cloud/api.md 2.3, 2.4).
pub const DUAL_UNUSED: &[&str] =
    &["EnableDpd", "EnableNatTraversal", "IkeConfig", "IpsecConfig", "RemoteCaCertificate", "VcoHealthCheck", "VpnBgpConfig"];

/// What a connection on a VPN gateway takes from the gateway: CreateVpnConnection has no parameter for it (cloud/api.md 1.2, 2.3).
pub const INHERITED: &[&str] = &["NetworkType", "ResourceGroupId", "TunnelBandwidth"];
