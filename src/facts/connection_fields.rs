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
    "Spec",
    "State",
    "Status",
    "Tag",
    "Tags",
    "TransitRouterId",
    "TransitRouterName",
    "TunnelId",
    "VpnConnectionId",
    "ZoneNo",
];

/// What a connection on a VPN gateway takes from the gateway: CreateVpnConnection has no parameter for it (cloud/api.md 1.2, 2.3).
pub const INHERITED: &[&str] = &["NetworkType", "ResourceGroupId", "TunnelBandwidth"];
