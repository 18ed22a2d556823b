//! `ip_filter`: lets callers through by address.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::{Code, Exchange, Flow, Policy, Rejection};

/// A set of networks. An IPv4 address mapped into IPv6 (RFC 4291 §2.5.5.2) counts as IPv4.
#[derive(Clone, Debug, Default)]
pub struct NetSet(Vec<IpNet>);

impl NetSet {
    /// Reads addresses and networks (`192.0.2.1`, `2001:db8::/32`).
    ///
    /// # Errors
    /// The first text that is neither.
    pub fn parse<S: AsRef<str>>(texts: &[S]) -> Result<NetSet, String> {
        let nets = texts.iter().map(|text| parse_net(text.as_ref()));
        nets.collect::<Result<Vec<_>, _>>().map(NetSet)
    }

    /// Whether the address lies in one of the networks.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|net| net.contains(&address))
    }

    /// Whether there are no networks.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Reads an address or a network.
///
/// # Errors
/// What was found and what was expected.
pub fn parse_net(text: &str) -> Result<IpNet, String> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(IpNet::from(address.to_canonical()));
    }
    text.parse::<IpNet>().map(|net| net.trunc()).map_err(|_| {
        format!(
            "{text:?} is neither an address nor a network such as 192.0.2.0/24 or 2001:db8::/32"
        )
    })
}

/// The policy: deny wins, an empty allow list allows everybody else.
pub struct IpFilter {
    /// If not empty, only these may pass.
    pub allow: NetSet,
    /// These may never pass.
    pub deny: NetSet,
}

impl IpFilter {
    /// Whether a caller may pass.
    pub fn admits(&self, client: IpAddr) -> bool {
        !self.deny.contains(client) && (self.allow.is_empty() || self.allow.contains(client))
    }
}

impl Policy for IpFilter {
    fn name(&self) -> &'static str {
        "ip_filter"
    }

    fn on_request<'a>(&'a self, exchange: &'a mut Exchange) -> Flow<'a> {
        if self.admits(exchange.client) {
            return Flow::Continue;
        }
        Flow::Reject(Box::new(Rejection::new(
            Code::Forbidden,
            "Your address may not use this route.",
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(allow: &[&str], deny: &[&str]) -> IpFilter {
        IpFilter {
            allow: NetSet::parse(allow).unwrap(),
            deny: NetSet::parse(deny).unwrap(),
        }
    }

    #[test]
    fn deny_wins_over_allow() {
        let filter = filter(&["192.0.2.0/24"], &["192.0.2.7"]);
        assert!(filter.admits("192.0.2.8".parse().unwrap()));
        assert!(!filter.admits("192.0.2.7".parse().unwrap()));
        assert!(!filter.admits("198.51.100.1".parse().unwrap()));
    }

    #[test]
    fn mapped_addresses_count_as_ipv4() {
        let filter = filter(&[], &["192.0.2.0/24"]);
        assert!(!filter.admits("::ffff:192.0.2.1".parse().unwrap()));
        assert!(filter.admits("2001:db8::1".parse().unwrap()));
    }

    #[test]
    fn nonsense_is_refused_with_a_hint() {
        assert!(
            NetSet::parse(&["192.0.2.0/33"])
                .unwrap_err()
                .contains("192.0.2.0/24")
        );
    }
}
