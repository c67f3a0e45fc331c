//! The fields of what hangs on a connection besides its own description (cloud/api.md 2.1, 2.5, 4.1). What is not in here is new
//! to us, and cannot be promised to be made again.

/// Of DescribeCustomerGateway (cloud/api.md 2.1).
pub const CUSTOMER_GATEWAY: &[&str] = &[
    "Asn",
    "AuthKey",
    "CreateTime",
    "CustomerGatewayId",
    "Description",
    "IpAddress",
    "Name",
    "RequestId",
    "ResourceGroupId",
    "Tags",
];
