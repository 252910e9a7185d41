"""Who sent a request. Pure.

`X-Forwarded-For` is believed only as far as TRUSTED_PROXY_COUNT says: each trusted proxy adds one
entry at the right, whatever stands further left was written by the sender.
"""

from ipaddress import IPv6Address, ip_address


def client_ip(peer: str, forwarded_for: str, trusted_proxies: int) -> str:
    """The address of the sender, or of the peer when the header can't be believed."""
    entries = [part.strip() for part in forwarded_for.split(",") if part.strip()]
    if trusted_proxies <= 0 or len(entries) < trusted_proxies:
        return _plain(peer) or peer
    return _plain(entries[-trusted_proxies]) or _plain(peer) or peer


def _plain(text: str) -> str:
    """An address without port and brackets; v4 when it is a mapped one; "" when it is none."""
    host = text
    if text.startswith("["):
        host = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        host = text.partition(":")[0]
    try:
        found = ip_address(host)
    except ValueError:
        return ""
    if isinstance(found, IPv6Address) and found.ipv4_mapped:
        return str(found.ipv4_mapped)
    return str(found)
