//! The address at which containers find this machine.

use std::net::IpAddr;

/// The interface of Docker's own network.
const BRIDGE: &str = "docker0";

/// This machine's address on Docker's bridge: what `host.docker.internal` is in a container that is
/// started with `--add-host host.docker.internal:host-gateway`.
pub fn address() -> Result<IpAddr, String> {
    let interfaces = if_addrs::get_if_addrs()
        .map_err(|error| format!("cannot list this machine's addresses: {error}"))?;
    let mut addresses = interfaces
        .into_iter()
        .filter(|interface| interface.name == BRIDGE)
        .map(|interface| interface.ip());
    addresses.find(IpAddr::is_ipv4).ok_or_else(|| {
        format!(
            "there is no interface {BRIDGE} here (--container): with Docker Desktop leave the flag \
             out, because its containers are led to loopback; else start Docker, or name an \
             address with --dynamodb"
        )
    })
}
