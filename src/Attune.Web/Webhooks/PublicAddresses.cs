using System.Net;
using System.Net.Sockets;

namespace Attune.Web.Webhooks;

/// <summary>
/// Keeps calls to addresses that people enter out of the network that the server stands in. Names are looked up here and the connection goes to the address that
/// was checked, so that a name cannot mean another one a moment later.
/// </summary>
internal static class PublicAddresses
{
    private static readonly IPNetwork[] Closed =
    [
        .. new[]
        {
            "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24",
            "203.0.113.0/24", "224.0.0.0/3", "::/96", "64:ff9b::/32", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "fc00::/7", "fe80::/9", "ff00::/8",
        }.Select(IPNetwork.Parse),
    ];

    /// <summary>Whether an address belongs to the open network: not this machine's, not a private one, not one that stands for another.</summary>
    public static bool IsOpen(IPAddress address)
    {
        var plain = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        return !Closed.Any(network => network.BaseAddress.AddressFamily == plain.AddressFamily && network.Contains(plain));
    }

    /// <summary>Connects, to open addresses alone unless all are allowed.</summary>
    /// <exception cref="ClosedAddressException">The name stands for none that may be called.</exception>
    public static async ValueTask<Stream> ConnectAsync(DnsEndPoint place, bool allowAll, CancellationToken stop)
    {
        var addresses = IPAddress.TryParse(place.Host, out var given) ? [given] : await Dns.GetHostAddressesAsync(place.Host, stop).ConfigureAwait(false);
        var allowed = addresses.Where(address => allowAll || IsOpen(address)).ToArray();
        if (allowed.Length == 0)
            throw new ClosedAddressException();
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(allowed, place.Port, stop).ConfigureAwait(false);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}

/// <summary>The address belongs to a private network.</summary>
internal sealed class ClosedAddressException() : IOException("the address belongs to a private network, which this server does not call");
