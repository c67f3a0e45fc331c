//! Where each product's API is: the map of `facts::endpoints`, or one base URL for all of them.

use crate::facts::endpoints::{CBN_HOST, Product, is_region_id, sts_host, vpc_host};
use std::net::IpAddr;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    #[error("endpoint is neither an https:// nor an http:// URL with a host name alone, such as https://vpc.example.com")]
    NotABaseUrl,
    #[error("endpoint is plain http, which is accepted for loopback addresses only")]
    PlainHttp,
    #[error("`{0}` is not a region id")]
    NotARegion(String),
}

/// The base URLs of the APIs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endpoints {
    fixed: Option<String>,
    /// STS has regional endpoints too; `None` is the central one.
    sts_region: Option<String>,
    inside_vpc: bool,
}

impl Endpoints {
    /// The public endpoints.
    pub fn public() -> Endpoints {
        Endpoints::default()
    }

    /// One base URL for every product.
    ///
    /// # Errors
    /// Where [`checked_base_url`] refuses it.
    pub fn fixed(base_url: &str) -> Result<Endpoints, EndpointError> {
        Ok(Endpoints { fixed: Some(checked_base_url(base_url)?), ..Endpoints::default() })
    }

    /// Another STS endpoint, as `ALIBABA_CLOUD_STS_REGION` and `ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED` choose it.
    ///
    /// # Errors
    /// Where the region cannot be one.
    pub fn with_sts(self, region: Option<&str>, inside_vpc: bool) -> Result<Endpoints, EndpointError> {
        let sts_region = region.map(checked_region).transpose()?.map(str::to_owned);
        Ok(Endpoints { sts_region, inside_vpc, ..self })
    }

    /// As a profile's `sts_region` and `enable_vpc` choose it; what is `None` stays.
    ///
    /// # Errors
    /// Where the region cannot be one.
    pub fn for_role(&self, sts_region: Option<&str>, inside_vpc: Option<bool>) -> Result<Endpoints, EndpointError> {
        let region = sts_region.or(self.sts_region.as_deref());
        self.clone().with_sts(region, inside_vpc.unwrap_or(self.inside_vpc))
    }

    /// The one base URL of all products, where there is such a one.
    pub fn fixed_base_url(&self) -> Option<&str> {
        self.fixed.as_deref()
    }

    /// `https://host` of a product's API, without a trailing slash.
    ///
    /// # Errors
    /// Where the region cannot be one.
    pub fn base_url(&self, product: Product, region: &str) -> Result<String, EndpointError> {
        if let Some(fixed) = &self.fixed {
            return Ok(fixed.clone());
        }
        let host = match product {
            Product::Vpc => vpc_host(checked_region(region)?),
            Product::Cbn => CBN_HOST.to_owned(),
            Product::Sts => sts_host(self.sts_region.as_deref(), self.inside_vpc),
        };
        Ok(format!("https://{host}"))
    }
}

/// A base URL without its trailing slash: `https://host[:port]`, or `http://` with a loopback address.
///
/// # Errors
/// Where it has user names, a path, a query, no host, or is plain http to another machine.
pub fn checked_base_url(text: &str) -> Result<String, EndpointError> {
    let url = text.strip_suffix('/').unwrap_or(text);
    let Some((scheme, authority)) = url.split_once("://") else { return Err(EndpointError::NotABaseUrl) };
    let scheme = scheme.to_ascii_lowercase();
    let Some(host) = host_of(authority) else { return Err(EndpointError::NotABaseUrl) };
    match scheme.as_str() {
        "https" => Ok(format!("https://{authority}")),
        "http" if is_loopback(host) => Ok(format!("http://{authority}")),
        "http" => Err(EndpointError::PlainHttp),
        _ => Err(EndpointError::NotABaseUrl),
    }
}

/// `host[:port]` of a URL, as the `host` header and the signature want it.
pub fn authority_of(base_url: &str) -> &str {
    let rest = base_url.split_once("://").map_or(base_url, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or(rest)
}

/// The host of `host[:port]`, an IPv6 address without its brackets; `None` where the text is something else.
pub fn host_of(authority: &str) -> Option<&str> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            (host, port)
        }
        None => authority.find(':').map_or((authority, ""), |at| authority.split_at(at)),
    };
    let port_is_fine = port.is_empty() || port.strip_prefix(':').is_some_and(|digits| digits.parse::<u16>().is_ok());
    let name_is_fine = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':' | b'_');
    (port_is_fine && !host.is_empty() && host.bytes().all(name_is_fine)).then_some(host)
}

/// 127.0.0.0/8, `::1` or the name `localhost`.
pub fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn checked_region(region: &str) -> Result<&str, EndpointError> {
    if is_region_id(region) { Ok(region) } else { Err(EndpointError::NotARegion(region.to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_have_their_own_hosts() {
        let public = Endpoints::public();
        let url = |product| public.base_url(product, "cn-shanghai").expect("a region");
        assert_eq!(url(Product::Vpc), "https://vpc.cn-shanghai.aliyuncs.com");
        assert_eq!(url(Product::Cbn), "https://cbn.aliyuncs.com");
        assert_eq!(url(Product::Sts), "https://sts.aliyuncs.com");
        let inside = Endpoints::public().with_sts(Some("cn-beijing"), true).expect("a region");
        assert_eq!(inside.base_url(Product::Sts, "cn-shanghai").as_deref(), Ok("https://sts-vpc.cn-beijing.aliyuncs.com"));
        assert_eq!(public.base_url(Product::Vpc, "evil/x"), Err(EndpointError::NotARegion("evil/x".into())));
    }

    #[test]
    fn one_base_url_serves_every_product() {
        let fixed = Endpoints::fixed("http://127.0.0.1:8080/").expect("loopback");
        for product in [Product::Vpc, Product::Cbn, Product::Sts] {
            assert_eq!(fixed.base_url(product, "cn-shanghai").as_deref(), Ok("http://127.0.0.1:8080"));
        }
    }

    #[test]
    fn plain_http_is_for_loopback_alone() {
        for good in ["http://127.0.0.1", "http://127.9.9.9:1", "http://[::1]:8080", "HTTP://localhost:80", "https://vpc.example.com:443/"] {
            assert!(checked_base_url(good).is_ok(), "{good}");
        }
        for plain in ["http://vpc.example.com", "http://10.0.0.1:80", "http://127.0.0.1.example.com", "http://[::2]", "http://0.0.0.0"] {
            assert_eq!(checked_base_url(plain), Err(EndpointError::PlainHttp), "{plain}");
        }
        let odd = [
            "",
            "vpc.example.com",
            "ftp://x",
            "https://",
            "https://x/path",
            "https://user@x",
            "https://x?y",
            "https://x:99999",
            "http://[::1",
        ];
        for text in odd {
            assert_eq!(checked_base_url(text), Err(EndpointError::NotABaseUrl), "{text}");
        }
    }

    #[test]
    fn the_authority_is_what_the_host_header_says() {
        assert_eq!(authority_of("http://127.0.0.1:18080"), "127.0.0.1:18080");
        assert_eq!(authority_of("https://a.example/path?x"), "a.example");
    }
}
