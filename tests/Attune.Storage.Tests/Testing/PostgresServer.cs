using System.Diagnostics;
using System.Globalization;
using Npgsql;

namespace Attune.Storage.Tests.Testing;

/// <summary>
/// A PostgreSQL server of the tests' own: Debian's programs on a new cluster in a temporary folder, reached through a socket in it. Root may not run it, so
/// another user does. A shell keeps it: when the tests end, however they end, its input ends, and it stops the server and removes the folder.
/// </summary>
internal sealed class PostgresServer
{
    private const int Port = 5432; // names the socket only: it listens on no network address

    private static readonly Lazy<PostgresServer> One = new(() => new(durable: false));
    private static readonly string? Programs = Directory.Exists("/usr/lib/postgresql")
        ? Directory.GetDirectories("/usr/lib/postgresql").OrderByDescending(folder => int.TryParse(Path.GetFileName(folder), out var version) ? version : 0)
            .Select(folder => Path.Combine(folder, "bin")).FirstOrDefault(folder => File.Exists(Path.Combine(folder, "initdb")))
        : null;

    // "stop" and "start" on its input; at its end everything goes.
    private const string Keeper = """
        folder=$1; shift
        "$@" </dev/null & server=$!
        while read -r order; do
          case $order in
            stop) kill -INT $server; wait $server ;;
            start) "$@" </dev/null & server=$! ;;
          esac
          echo "$order" >> "$folder/done"
        done
        kill -INT $server 2>/dev/null; wait $server
        rm -rf "$folder"
        """;

    private readonly string _folder = Directory.CreateTempSubdirectory("attune-pg-").FullName;
    private readonly Process _process;
    private int _databases;

    public PostgresServer(bool durable)
    {
        var data = Path.Combine(_folder, "data");
        if (IsRoot)
            Run("chown", "nobody", _folder);
        var made = Start([Path.Combine(Programs!, "initdb"), "-D", data, "-U", "attune", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]);
        made.WaitForExit();
        if (made.ExitCode != 0)
            throw new InvalidOperationException($"initdb in {data} ended with {made.ExitCode}.");
        _process = Start(["/bin/sh", "-c", Keeper, "keeper", _folder, Path.Combine(Programs!, "postgres"), "-D", data, "-k", _folder, "-p", $"{Port}", "-c", "listen_addresses=", "-c", "max_connections=200", "-c", $"fsync={(durable ? "on" : "off")}"]);
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Stop();
        WaitUntilReady();
    }

    public static string? WhyNot { get; } = Programs is null ? "PostgreSQL's programs are not installed"
        : IsRoot && !File.Exists("/usr/bin/setpriv") ? "root needs setpriv to run PostgreSQL as another user" : null;

    public static PostgresServer Shared => One.Value;

    private static bool IsRoot => Environment.UserName == "root";

    /// <summary>The URL of a new database.</summary>
    public string NewDatabase()
    {
        var name = string.Create(CultureInfo.InvariantCulture, $"test{Interlocked.Increment(ref _databases)}");
        Execute($"CREATE DATABASE {name}");
        return Url(name);
    }

    public void Execute(string sql)
    {
        using var connection = new NpgsqlConnection($"Host={_folder};Port={Port};Username=attune;Database=postgres;Pooling=false");
        connection.Open();
        using var command = new NpgsqlCommand(sql, connection);
        command.ExecuteNonQuery();
    }

    public void Stop()
    {
        if (_process.HasExited)
            return;
        _process.StandardInput.Close();
        _process.WaitForExit(10_000);
    }

    /// <summary>Stops the server under those who are connected, as a restart of its machine would; its data stay.</summary>
    public void Halt() => Order("stop");

    /// <summary>Starts it again.</summary>
    public void Resume()
    {
        Order("start");
        WaitUntilReady();
    }

    private void Order(string order)
    {
        var done = Path.Combine(_folder, "done");
        File.Delete(done);
        _process.StandardInput.WriteLine(order);
        _process.StandardInput.Flush();
        for (var began = Stopwatch.GetTimestamp(); !File.Exists(done); Thread.Sleep(20))
        {
            if (Stopwatch.GetElapsedTime(began).TotalSeconds > 60)
                throw new InvalidOperationException($"The server did not {order} within a minute.");
        }
    }

    private string Url(string name) => $"postgres://attune@{Uri.EscapeDataString(_folder)}:{Port}/{name}";

    private void WaitUntilReady()
    {
        for (var began = Stopwatch.GetTimestamp(); ; Thread.Sleep(50))
        {
            try
            {
                Execute("SELECT 1");
                return;
            }
            catch (NpgsqlException) when (Stopwatch.GetElapsedTime(began).TotalSeconds < 60 && !_process.HasExited)
            {
                // not yet
            }
        }
    }

    private Process Start(string[] command)
    {
        string[] all = IsRoot ? ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", .. command] : command;
        var start = new ProcessStartInfo(all[0], all[1..]) { WorkingDirectory = _folder, RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        var process = Process.Start(start)!;
        process.OutputDataReceived += (_, _) => { };
        process.ErrorDataReceived += (_, _) => { };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return process;
    }

    private static void Run(string program, params string[] args)
    {
        using var process = Process.Start(program, args);
        process.WaitForExit();
    }
}
