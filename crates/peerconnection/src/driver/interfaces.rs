//! Which addresses of the host an endpoint uses, and which ports.

use super::socket::Socket;
use ortica_core::{Rng, SocketId};
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
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

/// Decides which addresses are used: all, where nobody says otherwise.
#[derive(Clone, Default)]
pub(super) struct InterfaceFilter(Option<Arc<Filter>>);

impl InterfaceFilter {
    pub fn new(filter: impl Fn(&NetworkInterface) -> bool + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(filter)))
    }

    /// No filter was given.
    pub fn takes_all(&self) -> bool {
        self.0.is_none()
    }

    fn takes(&self, interface: &NetworkInterface) -> bool {
        self.0.as_ref().is_none_or(|filter| filter(interface))
    }
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
    let usable = all.filter(|it| is_usable(it) && filter.takes(it)).map(|it| it.address);
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
    use std::net::{Ipv4Addr, UdpSocket};

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
            let filter = InterfaceFilter::new(move |it| !it.name.is_empty() && it.address == wanted);
            assert_eq!(addresses(&filter, false).expect("the system says"), [wanted]);
        }
        assert_eq!(addresses(&InterfaceFilter::new(|_| false), true).expect("the system says"), [] as [IpAddr; 0]);
    }
}
