"""Whose attempts count together: a client's address, seen through the proxies that are trusted to tell it.

`X-Forwarded-For` is what anybody may write. It is read from the right, as far as each hop is a proxy that the operator
named, so that a client can add to it and gain nothing.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final, TypeAlias

from fairlead_gateway.headers import Headers, values

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

_FORWARDED_FOR: Final = b"x-forwarded-for"
_IPV6_CLIENT_PREFIX: Final = 64
"""Providers give each customer at least a network of this size; its addresses are one client's."""


def client_address(peer: str, headers: Headers, trusted: Sequence[Network]) -> str:
    """Return the address of the client, or its network where that is IPv6.

    Args:
        peer: The address that the connection comes from.
        headers: The request's, with lower-case names.
        trusted: The networks of proxies that tell the truth in `X-Forwarded-For`.
    """
    address = _address(peer)
    if address is None:
        return peer
    if trusted and _within(address, trusted):
        told = b",".join(values(headers, _FORWARDED_FOR)).decode("latin-1").split(",")
        address = _client_behind(address, told, trusted)
    return _shown(address)


def told_by_a_stranger(peer: str, headers: Headers, trusted: Sequence[Network]) -> bool:
    """Return whether somebody who is not trusted says for whom a request is passed on.

    A client may write that to no end. A proxy that nobody named writes it as well, and then all of its clients are one.
    """
    address = _address(peer)
    return address is not None and bool(values(headers, _FORWARDED_FOR)) and not _within(address, trusted)


def _client_behind(proxy: Address, told: list[str], trusted: Sequence[Network]) -> Address:
    """Return the last hop that is no trusted proxy, or the last one that a trusted proxy named legibly."""
    for text in reversed(told):
        hop = _address(text.strip())
        if hop is None:
            break
        proxy = hop
        if not _within(hop, trusted):
            break
    return proxy


def _address(text: str) -> Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _within(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)


def _shown(address: Address) -> str:
    if isinstance(address, IPv4Address):
        return str(address)
    return str(IPv6Network((address, _IPV6_CLIENT_PREFIX), strict=False))
