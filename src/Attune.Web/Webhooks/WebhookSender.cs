using System.Globalization;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using Attune.Storage;
using Attune.Storage.Webhooks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Attune.Web.Webhooks;

/// <summary>
/// Makes deliveries of webhooks: each webhook's in order, several webhooks at once, at least once each. What it was about to send when the program was killed
/// is still in the database. Several servers of one database take turns by claims.
/// </summary>
internal sealed partial class WebhookSender : BackgroundService
{
    /// <summary>The header with time and signature.</summary>
    public const string SignatureHeader = "Attune-Signature";

    private const int AtOnce = 8, MostInARow = 200;

    private static readonly TimeSpan Every = TimeSpan.FromSeconds(1), TidyEvery = TimeSpan.FromHours(1), Patience = TimeSpan.FromSeconds(10);

    private readonly Database _database;
    private readonly ILogger<WebhookSender> _logger;
    private readonly HttpClient _http;
    private readonly string _claim = Secret.New();

    public WebhookSender(Database database, WebOptions options, ILogger<WebhookSender> logger)
    {
        (_database, _logger) = (database, logger);
        _http = new HttpClient(new SocketsHttpHandler
        {
            AllowAutoRedirect = false, // another address would not have been checked
            UseProxy = false,
            UseCookies = false,
            PooledConnectionLifetime = TimeSpan.FromMinutes(2),
            ConnectCallback = (context, stop) => PublicAddresses.ConnectAsync(context.DnsEndPoint, options.IsLoopback, stop),
        })
        {
            Timeout = Patience,
            MaxResponseContentBufferSize = 1 << 16,
        };
    }

    /// <summary>The value of <see cref="SignatureHeader"/>: HMAC-SHA256 over the time in seconds since 1970, a dot, and the body.</summary>
    public static string Sign(string secret, long at, string body) => string.Create(
        CultureInfo.InvariantCulture, $"t={at},v1={Convert.ToHexStringLower(HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret), Encoding.UTF8.GetBytes($"{at}.{body}")))}");

    /// <summary>Makes every delivery that is due now.</summary>
    public async Task RunAsync(CancellationToken stop) =>
        await Parallel.ForEachAsync(await _database.Webhooks.DueAsync(stop).ConfigureAwait(false), new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = stop },
            async (webhook, end) => await CallAsync(webhook, end).ConfigureAwait(false)).ConfigureAwait(false);

    public override void Dispose()
    {
        _http.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Every);
        var tidied = TimeProvider.System.GetTimestamp();
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken).ConfigureAwait(false))
            {
                try
                {
                    await RunAsync(stoppingToken).ConfigureAwait(false);
                    if (TimeProvider.System.GetElapsedTime(tidied) < TidyEvery)
                        continue;
                    await _database.Webhooks.TidyAsync(stoppingToken).ConfigureAwait(false);
                    tidied = TimeProvider.System.GetTimestamp();
                }
                catch (StorageException e)
                {
                    TryAgain(_logger, e.Message);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // the program ends
        }
    }

    private async Task CallAsync(string webhook, CancellationToken stop)
    {
        for (var sent = 0; sent < MostInARow && await _database.Webhooks.NextAsync(webhook, _claim, stop).ConfigureAwait(false) is { } due; sent++)
            await _database.Webhooks.RecordAsync(due.Delivery, await SendAsync(due, stop).ConfigureAwait(false), stop).ConfigureAwait(false);
    }

    /// <summary>Makes one delivery.</summary>
    internal async Task<WebhookAnswer> SendAsync(DueDelivery due, CancellationToken stop)
    {
        try
        {
            var now = await _database.ReadAsync(transaction => Task.FromResult(transaction.Now), stop).ConfigureAwait(false);
            using var request = new HttpRequestMessage(HttpMethod.Post, due.Url) { Content = new StringContent(due.Delivery.Body, Encoding.UTF8, new MediaTypeHeaderValue("application/json", "utf-8")) };
            request.Headers.Add(SignatureHeader, Sign(due.Secret, now.ToUnixTimeSeconds(), due.Delivery.Body));
            request.Headers.Add("Attune-Event", due.Delivery.Event);
            request.Headers.Add("Attune-Event-Id", due.Delivery.EventId);
            request.Headers.UserAgent.ParseAdd("Attune");
            using var reply = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, stop).ConfigureAwait(false);
            return new((int)reply.StatusCode, reply.IsSuccessStatusCode ? null : $"answered {(int)reply.StatusCode}");
        }
        catch (HttpRequestException e) when (e.InnerException is ClosedAddressException closed)
        {
            return new(null, closed.Message);
        }
        catch (HttpRequestException e)
        {
            return new(null, $"could not be reached ({e.HttpRequestError})"); // no more: what stands in a network is not for everyone to know
        }
        catch (IOException e)
        {
            return new(null, e is ClosedAddressException ? e.Message : "broke off");
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
            return new(null, $"did not answer in {Patience.TotalSeconds} seconds");
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Webhooks will be tried again: {Reason}")]
    private static partial void TryAgain(ILogger logger, string reason);
}
