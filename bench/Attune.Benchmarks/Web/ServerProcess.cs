using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;

namespace Attune.Benchmarks.Web;

/// <summary><c>attune annotate</c> in a process of its own, to be killed and started again on the same port.</summary>
public sealed class ServerProcess : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2); // seconds on an idle machine

    private readonly IReadOnlyList<string> _program;
    private readonly string _database;
    private readonly int _port;
    private readonly string[] _more;
    private Process? _process;

    private ServerProcess(IReadOnlyList<string> program, string database, int port, string[] more) => (_program, _database, _port, _more) = (program, database, port, more);

    /// <summary>Where it listens.</summary>
    public Uri Address => new($"http://127.0.0.1:{_port}");

    /// <summary>Starts it on a free port and waits until it listens.</summary>
    /// <param name="program">The program and what comes before its verb: <c>./attune</c>, or <c>dotnet Attune.Cli.dll</c>.</param>
    /// <param name="database">The database's URL.</param>
    /// <param name="more">More flags of <c>attune annotate</c>.</param>
    public static async Task<ServerProcess> StartAsync(IReadOnlyList<string> program, string database, params string[] more)
    {
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        var port = ((IPEndPoint)probe.LocalEndpoint).Port;
        probe.Stop();
        var server = new ServerProcess(program, database, port, more);
        await server.StartAsync().ConfigureAwait(false);
        return server;
    }

    /// <summary>Starts it again after <see cref="Kill"/>.</summary>
    /// <exception cref="InvalidOperationException">It ends instead of listening; the message has its words.</exception>
    public async Task StartAsync()
    {
        var start = new ProcessStartInfo(_program[0], [.. _program.Skip(1), "annotate", "--db", _database, "--listen", $"{Address}", "--json", .. _more])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        _process = Process.Start(start)!;
        var log = _process.StandardError.ReadToEndAsync();
        using var patience = new CancellationTokenSource(Patience);
        var said = "";
        while (!IsWhole(said))
            said += await _process.StandardOutput.ReadLineAsync(patience.Token).ConfigureAwait(false) ?? throw new InvalidOperationException($"The server did not start: {await log.ConfigureAwait(false)}");
    }

    /// <summary>kill -9.</summary>
    public void Kill()
    {
        _process!.Kill();
        _process.WaitForExit();
        _process.Dispose();
        _process = null;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_process is not null)
            Kill();
    }

    private static bool IsWhole(string json)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
