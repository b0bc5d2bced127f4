using System.Diagnostics;
using Attune.Runs;

namespace Attune.Cli.Tests;

/// <summary>The real program in a process of its own, to be killed or interrupted.</summary>
internal sealed class ProgramProcess : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3); // seconds on an idle machine

    private readonly Process _process;
    private readonly Task<string> _result, _log;

    private ProgramProcess(IEnumerable<string> args)
    {
        _process = Process.Start(new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "Attune.Cli.dll"), .. args])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        (_result, _log) = (_process.StandardOutput.ReadToEndAsync(), _process.StandardError.ReadToEndAsync());
    }

    public static ProgramProcess Start(params IEnumerable<string> args) => new(args);

    /// <summary>Runs the program to its end.</summary>
    public static async Task<Printed> Run(params IEnumerable<string> args)
    {
        using var program = Start(args);
        return await program.End();
    }

    /// <summary>Waits until a run folder's metrics have so many steps.</summary>
    public async Task Reach(int steps, string folder)
    {
        var began = Stopwatch.GetTimestamp();
        var path = Runs.Run.MetricsPath(folder);
        while (!File.Exists(path) || MetricsLog.Read(path).Count < steps)
        {
            if (_process.HasExited)
                throw new InvalidOperationException($"The program ended before step {steps}: {await _log}");
            if (Stopwatch.GetElapsedTime(began) > Patience)
                throw new TimeoutException($"Step {steps} was not reached.");
            await Task.Delay(3);
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

    public void Dispose()
    {
        if (!_process.HasExited)
            _process.Kill();
        _process.Dispose();
    }
}
