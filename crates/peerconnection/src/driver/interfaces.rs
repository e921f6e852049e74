//! Which addresses of the host an endpoint uses, and which ports.

use super::socket::Socket;
use ortica_core::{Rng, SocketId};
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::ops::RangeInclusive;
use std::sync::Arc;

/// An address of a network interface of this host.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct NetworkInterface {
    /// What the system calls the interface, such as `eth0`.
    pub name: String,
    /// One of its addresses.
    pub address: IpAddr,
}

/// What an application says of an address.
type Filter = dyn Fn(&NetworkInterface) -> bool + Send + Sync;

/// Hosts that are far away for everybody: two root servers of DNS. Nothing is sent there.
const FAR_AWAY: [(SocketAddr, SocketAddr); 2] = [
    (
        SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0),
        SocketAddr::new(IpAddr::V4(Ipv4Addr::new(198, 41, 0, 4)), 53),
    ),
    (
        SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), 0),
        SocketAddr::new(IpAddr::V6(Ipv6Addr::new(0x2001, 0x503, 0xba3e, 0, 0, 0, 2, 0x30)), 53),
    ),
];

/// Decides which addresses are used: all, where nobody says otherwise.
#[derive(Clone, Default)]
pub(super) struct InterfaceFilter {
    filter: Option<Arc<Filter>>,
    /// Only those that the system sends from by default.
    default_route: bool,
}

impl InterfaceFilter {
    pub fn set(&mut self, filter: impl Fn(&NetworkInterface) -> bool + Send + Sync + 'static) {
        self.filter = Some(Arc::new(filter));
    }

    pub fn set_default_route(&mut self, only: bool) {
        self.default_route = only;
    }

    /// No filter was given: whichever address the system takes is one of those that pass.
    pub fn takes_all(&self) -> bool {
        self.filter.is_none()
    }

    fn takes(&self, interface: &NetworkInterface) -> bool {
        self.filter.as_ref().is_none_or(|filter| filter(interface))
    }
}

/// The addresses that the system sends from to hosts that are far away, one of each family that leads there.
fn default_addresses() -> Vec<IpAddr> {
    let from = |(any, far): (SocketAddr, SocketAddr)| {
        let socket = UdpSocket::bind(any)?;
        // Of a socket of UDP that is no more than a look at the routes.
        socket.connect(far)?;
        socket.local_addr()
    };
    FAR_AWAY.into_iter().filter_map(|pair| from(pair).ok()).map(|address| address.ip()).collect()
}

impl fmt::Debug for InterfaceFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InterfaceFilter(..)")
    }
}

/// The addresses of this host that pass the filter, those of loopback only if they are wanted or there is no other.
pub(super) fn addresses(filter: &InterfaceFilter, with_loopback: bool) -> io::Result<Vec<IpAddr>> {
    let all = if_addrs::get_if_addrs()?.into_iter();
    let all = all.map(|interface| NetworkInterface { address: interface.ip(), name: interface.name });
    // Link-local IPv6 addresses need a scope, which a candidate cannot carry.
    let is_usable = |it: &NetworkInterface| !matches!(it.address, IpAddr::V6(v6) if v6.is_unicast_link_local());
    let default = filter.default_route.then(default_addresses);
    let is_on_route = |it: &NetworkInterface| {
        default.as_ref().is_none_or(|default| it.address.is_loopback() || default.contains(&it.address))
    };
    let usable = all.filter(|it| is_usable(it) && is_on_route(it) && filter.takes(it)).map(|it| it.address);
    let (loopback, mut chosen): (Vec<IpAddr>, Vec<IpAddr>) = usable.partition(IpAddr::is_loopback);
    if with_loopback || chosen.is_empty() {
        chosen.extend(loopback);
    }
    Ok(chosen)
}

/// The ports that sockets are bound to where no port was named.
#[derive(Clone, Debug, Default)]
pub(super) struct Ports(Option<RangeInclusive<u16>>);

impl Ports {
    pub fn within(range: RangeInclusive<u16>) -> Self {
        Self(Some(range))
    }

    /// Fails where there is none to be had.
    pub fn check(&self) -> io::Result<()> {
        match &self.0 {
            Some(range) if range.is_empty() || *range.start() == 0 => {
                let reason = format!("{} to {} are no ports", range.start(), range.end());
                Err(io::Error::new(io::ErrorKind::InvalidInput, reason))
            }
            _ => Ok(()),
        }
    }

    /// Binds a socket at `address`. Of a range it takes the first free port after one that is drawn, so that the ports of a
    /// host are not guessed from each other.
    pub fn bind(&self, id: SocketId, address: SocketAddr, rng: &mut Rng) -> io::Result<Socket> {
        let Some(range) = self.0.clone().filter(|_| address.port() == 0) else { return Socket::bind(id, address) };
        let first = u64::from(*range.start());
        let count = range.len() as u64;
        let start = rng.below(count.max(1));
        let ports = (0..count).filter_map(|step| u16::try_from(first + (start + step) % count).ok());
        let mut refused = io::Error::from(io::ErrorKind::AddrInUse);
        for port in ports {
            match Socket::bind(id, SocketAddr::new(address.ip(), port)) {
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => refused = error,
                bound => return bound,
            }
        }
        Err(refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANY_PORT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

    /// A range of `count` ports of which the first is taken.
    fn range(count: u16) -> (UdpSocket, RangeInclusive<u16>) {
        loop {
            let taken = UdpSocket::bind(ANY_PORT).expect("a port");
            let first = taken.local_addr().expect("it is bound").port();
            let is_free = |port| UdpSocket::bind(SocketAddr::new(ANY_PORT.ip(), port)).is_ok();
            if first.checked_add(count).is_some_and(|end| (first + 1..end).all(is_free)) {
                return (taken, first..=first + count - 1);
            }
        }
    }

    /// Guards the search for a free port, and its end.
    #[tokio::test]
    async fn sockets_take_the_ports_of_a_range_and_no_others() {
        let (taken, range) = range(3);
        let (ports, mut rng) = (Ports::within(range.clone()), Rng::from_number(1));
        let mut bind = |id| ports.bind(SocketId(id), ANY_PORT, &mut rng);
        let bound = [bind(0).expect("a free port"), bind(1).expect("another one")];
        let mut used = bound.each_ref().map(|socket| socket.address.port());
        used.sort_unstable();
        assert_eq!(used, [range.start() + 1, range.start() + 2]);
        assert_eq!(bind(2).expect_err("all are taken").kind(), io::ErrorKind::AddrInUse);
        drop(taken);
        assert_eq!(bind(3).expect("one is free again").address.port(), *range.start());
    }

    /// Guards the random start.
    #[tokio::test]
    async fn the_first_port_of_a_range_is_drawn() {
        let ports = Ports::within(20_000..=60_000);
        let first =
            |seed| ports.bind(SocketId(0), ANY_PORT, &mut Rng::from_number(seed)).expect("a port").address.port();
        let drawn: std::collections::BTreeSet<u16> = (0..4).map(first).collect();
        assert!(drawn.len() > 1, "{drawn:?}");
    }

    #[test]
    fn a_range_without_ports_is_refused() {
        #[expect(clippy::reversed_empty_ranges, reason = "it is what is refused")]
        for range in [0..=10, 5..=4] {
            assert_eq!(Ports::within(range).check().expect_err("no ports").kind(), io::ErrorKind::InvalidInput);
        }
        Ports::within(5_000..=5_000).check().expect("one port");
        Ports::default().check().expect("any port");
    }

    /// Guards the filter, and that loopback comes in only where nothing else is left.
    #[test]
    fn a_filter_decides_by_name_and_address() {
        let all = addresses(&InterfaceFilter::default(), true).expect("the system says");
        assert!(!all.is_empty());
        for wanted in all {
            let filter = filter(move |it| !it.name.is_empty() && it.address == wanted);
            assert_eq!(addresses(&filter, false).expect("the system says"), [wanted]);
        }
        assert_eq!(addresses(&filter(|_| false), true).expect("the system says"), [] as [IpAddr; 0]);
    }

    fn filter(filter: impl Fn(&NetworkInterface) -> bool + Send + Sync + 'static) -> InterfaceFilter {
        InterfaceFilter { filter: Some(Arc::new(filter)), default_route: false }
    }

    /// Guards the route: one address of each family at most, and those that no packet would leave from are not among them.
    #[test]
    fn the_default_route_has_one_address_of_each_family() {
        let of_route = InterfaceFilter { filter: None, default_route: true };
        let (default, all) =
            (default_addresses(), addresses(&InterfaceFilter::default(), true).expect("the system says"));
        let mut used = addresses(&of_route, false).expect("the system says");
        used.retain(|ip| !ip.is_loopback());
        assert!(used.iter().all(|ip| default.contains(ip)), "{used:?} of {default:?}");
        assert!(default.iter().filter(|ip| all.contains(ip)).all(|ip| ip.is_loopback() || used.contains(ip)));
        for is_v4 in [true, false] {
            assert!(used.iter().filter(|ip| ip.is_ipv4() == is_v4).count() <= 1, "{used:?}");
        }
    }
}
