using System.Diagnostics;
using System.Text;
using Attune.Loop;
using Attune.Runs;

namespace Attune.Cli.Tests;

/// <summary>The real program in a process of its own, to be killed or interrupted.</summary>
internal sealed class ProgramProcess : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3); // seconds on an idle machine

    private readonly Process _process;
    private readonly Task<string> _result, _log;
    private readonly StringBuilder _logged = new();

    private ProgramProcess(IEnumerable<string> args, string? home, byte[]? input = null)
    {
        // A script's background job ignores SIGINT, and so would the program if the tests run in one.
        var start = new ProcessStartInfo("env", ["--default-signal=INT", "dotnet", Path.Combine(AppContext.BaseDirectory, "Attune.Cli.dll"), .. args])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = input is not null,
        };
        start.Environment["OMP_WAIT_POLICY"] = "passive"; // beside other tests, threads that spin while they wait make it twenty times slower
        if (home is not null)
            start.Environment[ShippedFiles.Variable] = home;
        _process = Process.Start(start)!;
        if (input is not null)
        {
            _process.StandardInput.BaseStream.Write(input);
            _process.StandardInput.Close();
        }
        (_result, _log) = (_process.StandardOutput.ReadToEndAsync(), Follow(_process.StandardError));
    }

    public static ProgramProcess Start(params IEnumerable<string> args) => new(args, home: null);

    /// <summary>Starts the program with another base model and other data than its own.</summary>
    public static ProgramProcess StartAt(string home, params IEnumerable<string> args) => new(args, home);

    /// <summary>Runs the program to its end.</summary>
    public static async Task<Printed> Run(params IEnumerable<string> args)
    {
        using var program = Start(args);
        return await program.End();
    }

    /// <summary>Runs the program to its end on some bytes of standard input.</summary>
    public static async Task<Printed> RunOn(byte[] input, params IEnumerable<string> args)
    {
        using var program = new ProgramProcess(args, home: null, input);
        return await program.End();
    }

    /// <summary>Waits until a run folder's metrics have so many steps.</summary>
    public Task Reach(int steps, string folder)
    {
        var path = Runs.Run.MetricsPath(folder);
        return Until(() => File.Exists(path) && MetricsLog.Read(path).Count >= steps, $"step {steps}");
    }

    /// <summary>Waits until something is so, which it has to be before the program ends.</summary>
    public async Task Until(Func<bool> isSo, string what)
    {
        var began = Stopwatch.GetTimestamp();
        while (!isSo())
        {
            if (_process.HasExited)
                throw new InvalidOperationException($"The program ended before {what}: {await _log}");
            if (Stopwatch.GetElapsedTime(began) > Patience)
                throw new TimeoutException($"{what} was not reached.");
            await Task.Delay(3);
        }
    }

    /// <summary>Whether it has written this to standard error so far.</summary>
    public bool HasLogged(string text)
    {
        lock (_logged)
            return _logged.ToString().Contains(text, StringComparison.Ordinal);
    }

    /// <summary>What it has written to standard error so far.</summary>
    public string Logged
    {
        get
        {
            lock (_logged)
                return _logged.ToString();
        }
    }

    /// <summary>kill -9.</summary>
    public void Kill()
    {
        _process.Kill();
        _process.WaitForExit();
    }

    /// <summary>Ctrl-C.</summary>
    public void Interrupt() => Process.Start("kill", ["-INT", $"{_process.Id}"]).WaitForExit();

    public async Task<Printed> End()
    {
        using var patience = new CancellationTokenSource(Patience);
        await _process.WaitForExitAsync(patience.Token);
        return new(_process.ExitCode, await _result, await _log);
    }

    private async Task<string> Follow(StreamReader reader)
    {
        var buffer = new char[1024];
        while (await reader.ReadAsync(buffer) is > 0 and var count)
        {
            lock (_logged)
                _logged.Append(buffer, 0, count);
        }
        return _logged.ToString();
    }

    public void Dispose()
    {
        if (!_process.HasExited)
            _process.Kill();
        _process.Dispose();
    }
}
