//! Free ports of the loopback interface, outside the range from which the kernel picks ports for
//! outgoing connections.
//!
//! A port from inside that range can be taken by any client between our look and the server's bind,
//! or while a server restarts; a client that retries a connection to it can even connect to itself.
//! Two test processes can still pick the same port at the same moment: servers therefore retry their
//! start with another one.

use std::net::TcpListener;
use std::ops::Range;

use anyhow::bail;

const TRIES: u32 = 200;

/// A port that nobody listens on right now.
///
/// # Errors
/// All that were tried are taken.
pub fn free() -> anyhow::Result<u16> {
    let range = usable(
        std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range")
            .ok()
            .as_deref(),
    );
    for _ in 0..TRIES {
        let port = fastrand::u16(range.clone());
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no free port on 127.0.0.1 in {range:?} after {TRIES} tries")
}

/// Below the kernel's own range when there is room, else the usual unprivileged ports below 32768.
fn usable(kernel: Option<&str>) -> Range<u16> {
    let lowest = kernel
        .and_then(|text| text.split_whitespace().next())
        .map(str::parse::<u16>);
    match lowest {
        Some(Ok(lowest)) if lowest > 12_000 => 10_000..lowest,
        _ => 10_000..32_768,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_stay_below_the_kernels_own_range() {
        assert_eq!(usable(Some("32768\t60999\n")), 10_000..32_768);
        assert_eq!(usable(Some("20000 60999")), 10_000..20_000);
        assert_eq!(usable(Some("1024 60999")), 10_000..32_768);
        assert_eq!(usable(None), 10_000..32_768);
    }
}
