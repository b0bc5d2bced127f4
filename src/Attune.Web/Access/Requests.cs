using System.Net;
using System.Net.Sockets;
using System.Threading.RateLimiting;
using Microsoft.AspNetCore.RateLimiting;

namespace Attune.Web.Access;

/// <summary>What is asked of every request: headers that keep pages closed, and limits of how often one may ask.</summary>
internal static class Requests
{
    /// <summary>Only our own scripts, styles and pictures; nobody may frame a page; forms go home.</summary>
    public const string ContentPolicy =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

    /// <summary>Whether a program asks, to be answered with problem details and not with a page.</summary>
    public static bool IsApi(HttpRequest request) => request.Path.StartsWithSegments("/api");

    public static void UseSecurityHeaders(this WebApplication app) => app.Use((context, next) =>
    {
        Protect(context);
        context.Response.OnStarting(() =>
        {
            if (context.Response.Headers.ContentSecurityPolicy.Count == 0)
                Protect(context); // after an exception the framework begins a new answer without any headers
            return Task.CompletedTask;
        });
        return next(context);
    });

    private static void Protect(HttpContext context)
    {
        var headers = context.Response.Headers;
        headers.ContentSecurityPolicy = ContentPolicy;
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "same-origin";
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
        headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=()";
        headers.CacheControl = "no-cache, no-store"; // pages show what is a person's own; assets say otherwise
        if (context.Request.IsHttps)
            headers.StrictTransportSecurity = "max-age=31536000";
    }

    public static void AddRequestLimits(this IServiceCollection services, WebOptions options) => services.AddRateLimiter(limits =>
    {
        limits.RejectionStatusCode = StatusCodes.Status429TooManyRequests;
        limits.OnRejected = (rejected, _) =>
        {
            var wait = rejected.Lease.TryGetMetadata(MetadataName.RetryAfter, out var until) ? until : TimeSpan.FromSeconds(1);
            rejected.HttpContext.Response.Headers.RetryAfter = $"{Math.Max(1, (int)Math.Ceiling(wait.TotalSeconds))}";
            return ValueTask.CompletedTask;
        };
        limits.GlobalLimiter = PartitionedRateLimiter.Create<HttpContext, string>(context => RateLimitPartition.GetTokenBucketLimiter(
            Who(context),
            _ => new TokenBucketRateLimiterOptions
            {
                TokenLimit = options.RequestsPerMinute,
                TokensPerPeriod = Math.Max(1, options.RequestsPerMinute / 60),
                ReplenishmentPeriod = TimeSpan.FromSeconds(1),
                AutoReplenishment = true,
            }));
    });

    /// <summary>Where a request comes from, as limits count it: an IPv4 address, and of an IPv6 address the network, as one visitor has as many addresses in it as they like.</summary>
    public static string NetworkOf(HttpContext context)
    {
        const int NetworkBytes = 8;
        var address = context.Connection.RemoteIpAddress;
        if (address is { IsIPv4MappedToIPv6: true })
            address = address.MapToIPv4();
        return address is { AddressFamily: AddressFamily.InterNetworkV6 } && !IPAddress.IsLoopback(address) ? Convert.ToHexStringLower(address.GetAddressBytes()[..NetworkBytes]) : $"{address}";
    }

    private static string Who(HttpContext context) => context.User.Identity?.IsAuthenticated == true ? context.User.PersonId() : NetworkOf(context);
}
