//! Which addresses are public, which are private, and which are neither.
//!
//! For IPv4 everything is public that the tables below do not close. For IPv6 it is the other way
//! round: only 2000::/3 has ever been given out for public use, so everything outside it is closed
//! without being named, and the table closes the exceptions within. That covers loopback, mapped
//! (`::ffff:0:0/96`), compatible (`::/96`), NAT64 (`64:ff9b::/96`, `64:ff9b:1::/48`), discard-only,
//! unique-local, link-local, site-local and multicast addresses. The forms that carry an IPv4
//! address are closed even if that one is public: no receiver needs them, and each is a second
//! spelling that a rule could miss.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

type V4 = (Ipv4Addr, u32);
type V6 = (Ipv6Addr, u32);

const CLOSED_V4: [V4; 16] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8), // "this network"; 0.0.0.0 reaches the machine itself
    (Ipv4Addr::new(10, 0, 0, 0), 8), // private
    (Ipv4Addr::new(100, 64, 0, 0), 10), // shared by carriers
    (Ipv4Addr::new(127, 0, 0, 0), 8), // loopback
    (Ipv4Addr::new(169, 254, 0, 0), 16), // link-local, cloud metadata
    (Ipv4Addr::new(172, 16, 0, 0), 12), // private
    (Ipv4Addr::new(192, 0, 0, 0), 24), // protocol assignments
    (Ipv4Addr::new(192, 0, 2, 0), 24), // documentation
    (Ipv4Addr::new(192, 88, 99, 0), 24), // 6to4 relays
    (Ipv4Addr::new(192, 168, 0, 0), 16), // private
    (Ipv4Addr::new(198, 18, 0, 0), 15), // benchmarks
    (Ipv4Addr::new(198, 51, 100, 0), 24), // documentation
    (Ipv4Addr::new(203, 0, 113, 0), 24), // documentation
    (Ipv4Addr::new(224, 0, 0, 0), 4), // multicast
    (Ipv4Addr::new(240, 0, 0, 0), 4), // reserved
    (Ipv4Addr::new(255, 255, 255, 255), 32), // broadcast
];

const PRIVATE_V4: [V4; 5] = [
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
];

const OPEN_V6: V6 = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

const CLOSED_V6: [V6; 4] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23), // protocol assignments, Teredo
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32), // documentation
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16), // 6to4
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20), // documentation
];

const PRIVATE_V6: [V6; 2] = [
    (Ipv6Addr::LOCALHOST, 128),
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7), // unique-local
];

/// Where clouds answer questions about a machine, its credentials among them. Some lie in private
/// networks, which an operator may open, and one in a public one: these are never opened.
const METADATA_V4: [V4; 4] = [
    (Ipv4Addr::new(100, 100, 100, 200), 32), // Alibaba Cloud
    (Ipv4Addr::new(168, 63, 129, 16), 32),   // Azure
    (Ipv4Addr::new(169, 254, 0, 0), 16),     // most others
    (Ipv4Addr::new(192, 0, 0, 192), 32),     // Oracle Cloud
];

const METADATA_V6: [V6; 3] = [
    (Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0), 32), // Amazon, with time and names
    (Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0), 64),  // Google
    (Ipv6Addr::new(0xfd00, 0x42, 0, 0, 0, 0, 0, 0), 64),  // Scaleway
];

fn is_metadata(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => METADATA_V4.iter().any(|network| is_within_v4(v4, *network)),
        IpAddr::V6(v6) => METADATA_V6.iter().any(|network| is_within_v6(v6, *network)),
    }
}

/// Whether the address belongs to somebody on the public internet.
pub(super) fn is_global(address: IpAddr) -> bool {
    let is_open = match address {
        IpAddr::V4(v4) => !CLOSED_V4.iter().any(|network| is_within_v4(v4, *network)),
        IpAddr::V6(v6) => {
            is_within_v6(v6, OPEN_V6) && !CLOSED_V6.iter().any(|network| is_within_v6(v6, *network))
        }
    };
    is_open && !is_metadata(address)
}

/// Whether it is the machine itself or of a private network: what an operator may opt in to.
pub(super) fn is_private(address: IpAddr) -> bool {
    let is_own = match address {
        IpAddr::V4(v4) => PRIVATE_V4.iter().any(|network| is_within_v4(v4, *network)),
        IpAddr::V6(v6) => PRIVATE_V6.iter().any(|network| is_within_v6(v6, *network)),
    };
    is_own && !is_metadata(address)
}

fn is_within_v4(address: Ipv4Addr, (network, bits): V4) -> bool {
    (address.to_bits() ^ network.to_bits()) >> (u32::BITS - bits) == 0
}

fn is_within_v6(address: Ipv6Addr, (network, bits): V6) -> bool {
    (address.to_bits() ^ network.to_bits()) >> (u128::BITS - bits) == 0
}
