//! PROXY protocol versions 1 and 2, from trusted peers of listeners that ask for it.
//! Source: `HAProxy`'s `doc/proxy-protocol.txt`, sections 2.1 and 2.2.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::client::Client;
use super::io as wire;

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
