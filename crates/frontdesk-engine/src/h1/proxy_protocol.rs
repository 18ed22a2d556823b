//! PROXY protocol versions 1 and 2, from trusted peers of listeners that ask for it.
//! Source: `HAProxy`'s `doc/proxy-protocol.txt`, sections 2.1 and 2.2.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::client::Client;
use super::io as wire;
use crate::build::Proxied;

const V2_SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// The longest header of version 1, line end included.
const V1_MAX: usize = 107;
/// Bytes of a version 2 header before its addresses.
const V2_HEAD: usize = 16;
/// The longest version 2 header that is read; type-length-value fields beyond it are refused.
const V2_MAX: usize = 2048;

/// A header that is not one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

#[derive(Debug, PartialEq, Eq)]
enum Header {
    Partial,
    /// Length of the header; the client's address unless the proxy speaks for itself.
    Complete(usize, Option<IpAddr>),
}

/// Takes the header off a new connection and the client's address from it.
///
/// # Errors
/// The header is malformed or did not come in time; the connection is to be closed.
pub(crate) async fn receive(client: &mut Client) -> Result<(), Malformed> {
    if !client.listener.proxy_protocol || !client.listener.trusted.contains(client.peer) {
        return Ok(());
    }
    let deadline = client.thread.clock.after(client.listener.head_timeout);
    loop {
        if let Header::Complete(length, address) = parse(client.inbuf.unread())? {
            client.inbuf.consume(length);
            client.peer = address.unwrap_or(client.peer);
            return Ok(());
        }
        let read = std::future::poll_fn(|cx| {
            client.make_room();
            let polled = wire::poll_read(&mut client.io, &mut client.inbuf, cx);
            if polled.is_pending() {
                if client.thread.clock.now() >= deadline {
                    return std::task::Poll::Ready(Ok(0));
                }
                client.timer.arm(deadline);
            }
            polled
        });
        if !matches!(read.await, Ok(n) if n > 0) {
            return Err(Malformed);
        }
    }
}

/// The header that tells a target who the client is: its address and the one that it has connected to.
pub(crate) fn header(version: Proxied, (from, to): (SocketAddr, SocketAddr)) -> Vec<u8> {
    // Mixed families, as where the client was named by a proxy, are both written as IPv6.
    let same = from.is_ipv4() == to.is_ipv4();
    let mapped = |address: IpAddr| match address {
        IpAddr::V4(four) => four.to_ipv6_mapped(),
        IpAddr::V6(six) => six,
    };
    let ports = [from.port().to_be_bytes(), to.port().to_be_bytes()].concat();
    match (version, from.ip(), to.ip()) {
        (Proxied::No, _, _) => Vec::new(),
        (Proxied::V1, from_ip, to_ip) if same => {
            let family = if from.is_ipv4() { "TCP4" } else { "TCP6" };
            let (near, far) = (to.port(), from.port());
            format!("PROXY {family} {from_ip} {to_ip} {far} {near}\r\n").into_bytes()
        }
        (Proxied::V1, from_ip, to_ip) => {
            let (from_ip, to_ip) = (mapped(from_ip), mapped(to_ip));
            let (near, far) = (to.port(), from.port());
            format!("PROXY TCP6 {from_ip} {to_ip} {far} {near}\r\n").into_bytes()
        }
        (Proxied::V2, IpAddr::V4(from), IpAddr::V4(to)) => {
            let head = [V2_SIGNATURE, &[0x21, 0x11, 0, 12][..]].concat();
            [&head[..], &from.octets(), &to.octets(), &ports].concat()
        }
        (Proxied::V2, from, to) => {
            let head = [V2_SIGNATURE, &[0x21, 0x21, 0, 36][..]].concat();
            let (from, to) = (mapped(from).octets(), mapped(to).octets());
            [&head[..], &from, &to, &ports].concat()
        }
    }
}

fn parse(bytes: &[u8]) -> Result<Header, Malformed> {
    let probe = bytes.len().min(12);
    if bytes[..probe] == V2_SIGNATURE[..probe] {
        return if bytes.len() < V2_HEAD {
            Ok(Header::Partial)
        } else {
            parse_v2(bytes)
        };
    }
    let probe = bytes.len().min(6);
    if bytes[..probe] == b"PROXY "[..probe] {
        parse_v1(bytes)
    } else {
        Err(Malformed)
    }
}

fn parse_v1(bytes: &[u8]) -> Result<Header, Malformed> {
    let Some(end) = bytes
        .windows(2)
        .take(V1_MAX - 1)
        .position(|pair| pair == b"\r\n")
    else {
        return if bytes.len() < V1_MAX {
            Ok(Header::Partial)
        } else {
            Err(Malformed)
        };
    };
    let line = std::str::from_utf8(&bytes[..end]).map_err(|_| Malformed)?;
    let mut parts = line.split(' ').skip(1);
    let family = parts.next().ok_or(Malformed)?;
    if family == "UNKNOWN" {
        return Ok(Header::Complete(end + 2, None));
    }
    let [source, destination, from, to] = parts.collect::<Vec<_>>()[..] else {
        return Err(Malformed);
    };
    let address = |text: &str| text.parse::<IpAddr>().map_err(|_| Malformed);
    let (source, destination) = (address(source)?, address(destination)?);
    let agrees = match family {
        "TCP4" => source.is_ipv4() && destination.is_ipv4(),
        "TCP6" => source.is_ipv6() && destination.is_ipv6(),
        _ => false,
    };
    let numbers = [from, to].iter().all(|port| port.parse::<u16>().is_ok());
    if agrees && numbers {
        Ok(Header::Complete(end + 2, Some(source.to_canonical())))
    } else {
        Err(Malformed)
    }
}

fn parse_v2(bytes: &[u8]) -> Result<Header, Malformed> {
    let length = V2_HEAD + usize::from(u16::from_be_bytes([bytes[14], bytes[15]]));
    if bytes[12] >> 4 != 2 || length > V2_MAX {
        return Err(Malformed);
    }
    let Some(addresses) = bytes.get(V2_HEAD..length) else {
        return Ok(Header::Partial);
    };
    let address = match (bytes[12] & 15, bytes[13]) {
        (0, _) | (1, 0) => None,
        (1, 0x11) if addresses.len() >= 12 => source(addresses).map(Ipv4Addr::from).map(IpAddr::V4),
        (1, 0x21) if addresses.len() >= 36 => source(addresses)
            .map(Ipv6Addr::from)
            .map(|address| IpAddr::V6(address).to_canonical()),
        _ => return Err(Malformed),
    };
    Ok(Header::Complete(length, address))
}

/// The source address, which comes first.
fn source<const N: usize>(addresses: &[u8]) -> Option<[u8; N]> {
    addresses.first_chunk().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_what_is_read() {
        let four: SocketAddr = "192.0.2.1:1000".parse().unwrap();
        let six: SocketAddr = "[2001:db8::1]:2000".parse().unwrap();
        for version in [Proxied::V1, Proxied::V2] {
            for (from, to) in [(four, four), (six, six), (four, six), (six, four)] {
                let bytes = header(version, (from, to));
                let expected = Header::Complete(bytes.len(), Some(from.ip()));
                assert_eq!(parse(&bytes), Ok(expected), "{version:?} {from} {to}");
            }
        }
        assert_eq!(
            header(Proxied::V1, (four, four)),
            b"PROXY TCP4 192.0.2.1 192.0.2.1 1000 1000\r\n"
        );
    }

    #[test]
    fn version_1() {
        let header = b"PROXY TCP4 192.0.2.1 198.51.100.1 5000 80\r\nGET";
        assert_eq!(
            parse(header),
            Ok(Header::Complete(43, Some("192.0.2.1".parse().unwrap())))
        );
        assert_eq!(parse(b"PROXY UNKNOWN\r\n"), Ok(Header::Complete(15, None)));
        for cut in 0..43 {
            assert_eq!(parse(&header[..cut]), Ok(Header::Partial), "{cut}");
        }
        for bad in [
            &b"PROXY TCP4 2001:db8::1 198.51.100.1 1 2\r\n"[..],
            b"PROXY TCP4 192.0.2.1 198.51.100.1 1\r\n",
            b"PROXY TCP4 192.0.2.1 198.51.100.1 1 70000\r\n",
            b"PROXY  TCP4 192.0.2.1 198.51.100.1 1 2\r\n",
            b"GET / HTTP/1.1\r\n",
        ] {
            assert_eq!(
                parse(bad),
                Err(Malformed),
                "{}",
                String::from_utf8_lossy(bad)
            );
        }
        assert_eq!(
            parse(&[b"PROXY TCP4 ".as_slice(), &[b'1'; 200]].concat()),
            Err(Malformed)
        );
    }

    #[test]
    fn version_2() {
        let mut header = V2_SIGNATURE.to_vec();
        header.extend([
            0x21, 0x11, 0, 12, 192, 0, 2, 1, 198, 51, 100, 1, 0x13, 0x88, 0, 80,
        ]);
        assert_eq!(
            parse(&header),
            Ok(Header::Complete(28, Some("192.0.2.1".parse().unwrap())))
        );
        for cut in 0..header.len() {
            assert_eq!(parse(&header[..cut]), Ok(Header::Partial), "{cut}");
        }
        header[12] = 0x20;
        assert_eq!(parse(&header), Ok(Header::Complete(28, None)));
        header[12] = 0x11;
        assert_eq!(parse(&header), Err(Malformed));
        header[12] = 0x21;
        header[15] = 4;
        assert_eq!(parse(&header), Err(Malformed));
    }
}
